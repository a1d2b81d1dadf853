export const number = 26;
export const title = 'a million files';
export const tries = 'makes empty files until there are a million or none is made any more';
export const mustHappen = 'the file system of the session runs out of inodes or time, and the listing stays bounded';
export const why = "inodes are a limit of their own, and the host's are as few as its disk is";
export const session = { diskLimitMB: 64 };

export async function run(ctx) {
  const reply = await ctx.attack('26-inodes.py', [], { timeoutMs: 15_000 });
  const out = ctx.expectDone(reply).trim();
  const page = await ctx.session.command({ type: 'list_directory', path: 'many', limit: 100 });
  ctx.expect(page.success && page.result.entries.length === 100, `a page of 100 answered ${JSON.stringify(page)}`);
  ctx.expect(page.result.nextCursor, 'a page of 100 has no cursor to the next');
  const deleted = await ctx.session.command({ type: 'delete_file', path: 'many', recursive: true });
  ctx.expect(deleted.success, `they could not be deleted: ${deleted.error}`);
  await ctx.expectAlive();
  ctx.held(out);
}
