export const number = 23;
export const title = 'filling the disk with one file';
export const tries = 'writes to one file until it is refused, by a program and by write_file';
export const mustHappen =
  "both are told that there is no space, by name, at the session's limit; a delete makes room again";
export const why = "a container's disk is its host's, if nobody limits it";
export const session = { diskLimitMB: 64 };

export async function run(ctx) {
  const filled = await ctx.session.run('dd', ['if=/dev/zero', 'of=full', 'bs=1M'], { timeoutMs: 100_000 });
  const { exitCode, stderr } = ctx.expectEnd(filled, 'exited');
  ctx.expect(exitCode === 1 && stderr.includes('No space left'), `dd exited with ${exitCode}: ${stderr}`);
  const bytes = (await ctx.session.command({ type: 'stat_file', path: 'full' })).result.size;
  ctx.expect(bytes > 16 * 1_048_576 && bytes <= 64 * 1_048_576, `the file has ${bytes} bytes, and the limit is 64 MiB`);
  const refused = await ctx.session.write('more', 'x'.repeat(2_000_000));
  ctx.expect(refused.errorCode === 'no_space', `write_file on a full disk answered ${JSON.stringify(refused)}`);
  const deleted = await ctx.session.command({ type: 'delete_file', path: 'full' });
  ctx.expect(deleted.success, `the file could not be deleted: ${deleted.error}`);
  const written = await ctx.session.write('more', 'x'.repeat(2_000_000));
  ctx.expect(written.success, `there is no room after the delete: ${written.error}`);
  ctx.held(`no space after ${(bytes / 1_048_576).toFixed(0)} MiB; no_space for write_file`);
}
