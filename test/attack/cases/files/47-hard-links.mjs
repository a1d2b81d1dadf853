export const number = 47;
export const title = 'hard links';
export const tries = "makes hard links to /etc/shadow, the agent and PID 1's files, and writes to a file of two names";
export const mustHappen = 'none to what is not its own, and a file that is replaced is replaced under one name only';
export const why = 'a hard link is no link to whoever opens it: no check of paths sees it';

export async function run(ctx) {
  let outcomes;
  await ctx.keepUp(async () => {
    outcomes = await ctx.attempts('47-hard-links.py');
    ctx.expectDenied(outcomes);
    ctx.expectDone(await ctx.session.sh('echo -n before > one && ln -f one two'));
    const written = await ctx.session.write('one', 'after');
    ctx.expect(written.success, `a file with two names could not be written: ${written.error}`);
    const two = await ctx.session.read('two');
    ctx.expect(two.result?.content === 'before', `the other name holds ${JSON.stringify(two.result?.content)}`);
  });
  ctx.held(`${Object.keys(outcomes).length} links, all refused`);
}
