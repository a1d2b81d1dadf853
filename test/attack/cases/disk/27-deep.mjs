export const number = 27;
export const title = 'directories a hundred thousand deep';
export const tries =
  'makes directories within each other, beyond any length of a path, and has them listed and deleted';
export const mustHappen = 'listing is bounded, deletion is whole, and neither runs out of stack, descriptors or time';
export const why = 'who walks a tree by recursion or by path falls off its end';
export const session = { diskLimitMB: 1024 };

export async function run(ctx) {
  const out = ctx.expectDone(await ctx.attack('27-deep.py', [], { timeoutMs: 100_000 })).trim();
  const listed = await ctx.session.command({ type: 'list_directory', path: 'd', recursive: true, limit: 1_000 });
  ctx.expect(
    listed.success && listed.result.entries.length > 0,
    `the listing answered ${JSON.stringify(listed).slice(0, 300)}`,
  );
  const copy = { type: 'copy_file', sourcePath: 'd', destinationPath: 'copy', recursive: true };
  const copied = await ctx.session.command(copy);
  ctx.expect(copied.errorCode === 'name_too_long', `a copy of it answered ${JSON.stringify(copied)}`);
  const deleted = await ctx.session.command({ type: 'delete_file', path: 'd', recursive: true });
  ctx.expect(deleted.success, `it could not be deleted: ${deleted.error}`);
  const gone = await ctx.session.command({ type: 'stat_file', path: 'd' });
  ctx.expect(gone.errorCode === 'not_found', 'it is still there after its deletion');
  await ctx.expectAlive();
  ctx.held(`${out}; ${listed.result.entries.length} listed, all deleted`);
}
