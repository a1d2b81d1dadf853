export const number = 16;
export const title = 'filling /dev/shm and /tmp';
export const tries = 'writes to /dev/shm and /tmp, which are memory, until they are full or the program is killed';
export const mustHappen = 'no space or out_of_memory, by name, and the files can be deleted: the session goes on';
export const why = 'such files outlive the program that wrote them, so killing it frees nothing';
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  for (const file of ['/dev/shm/full', '/tmp/full']) {
    const reply = await ctx.session.run('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M'], { timeoutMs: 100_000 });
    const { endReason, stderr } = reply.result;
    const full = endReason === 'exited' && reply.result.exitCode === 1 && stderr.includes('No space left');
    ctx.expect(full || endReason === 'out_of_memory', `filling ${file} ended as ${JSON.stringify(reply)}`);
    const deleted = await ctx.session.command({ type: 'delete_file', path: file });
    ctx.expect(deleted.success, `${file} could not be deleted: ${deleted.error}`);
    await ctx.expectAlive();
    ctx.held(`${file}: ${full ? 'no space left' : endReason}`);
  }
}
