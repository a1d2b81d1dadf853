export const number = 25;
export const title = 'sparse file of 8 EiB';
export const tries = 'makes the largest file that can be, reads it, lists it and copies it';
export const mustHappen = 'its maker, or each of its readers, is refused, cut or timed out by name; nobody buffers it';
export const why = 'a size that a tenant chose must not become memory of the server or of the agent';
export const session = { diskLimitMB: 64 };

export async function run(ctx) {
  const sizes = ctx.expectDone(await ctx.attack('25-sparse.py')).trim();
  const read = await ctx.session.read('sparse');
  ctx.expect(
    read.success ? read.result.truncated && read.result.bytes <= 8 * 1_048_576 : read.errorCode === 'too_large',
    `read_file answered ${JSON.stringify(read).slice(0, 300)}`,
  );
  const tail = await ctx.session.read('sparse', { offset: 1e15, length: 10 });
  ctx.expect(tail.success ? tail.result.bytes <= 10 : tail.errorCode !== undefined, 'a read at 1 PB answered nothing');
  const listed = await ctx.session.command({ type: 'list_directory' });
  ctx.expect(listed.success, `list_directory answered ${listed.error}`);
  const copy = { type: 'copy_file', sourcePath: 'sparse', destinationPath: 'copy' };
  const copied = await ctx.session.command(copy, { timeoutMs: 2_000 });
  ctx.expect(
    copied.success || ['no_space', 'timed_out', 'too_large'].includes(copied.errorCode),
    `copy_file answered ${JSON.stringify(copied)}`,
  );
  const rest = await ctx.session.command({ type: 'stat_file', path: 'copy' });
  ctx.expect(copied.success || rest.errorCode === 'not_found', 'half a copy is left');
  await ctx.expectAlive();
  const how = copied.success ? 'done' : copied.errorCode;
  ctx.held(`${sizes}; read_file ${read.success ? 'cut' : read.errorCode}, copy_file ${how}`);
}
