export const number = 43;
export const title = 'broken pipes';
export const tries =
  'closes its stdin, or ends, while half a megabyte is on its way to it; closes its stdout and writes on';
export const mustHappen = 'the true end of the program is told, and nobody else notices';
export const why = 'an EPIPE that nobody catches ends the server';

const stdin = 'x'.repeat(500_000);

export async function run(ctx) {
  await ctx.keepUp(async () => {
    ctx.expectDone(await ctx.session.run('true', [], { stdin }), 'a program that reads nothing');
    const closed = await ctx.session.sh('exec 0<&-; echo closed; sleep 0.1; exit 5', { stdin });
    const { exitCode, stdout } = ctx.expectEnd(closed, 'exited');
    ctx.expect(exitCode === 5 && stdout === 'closed\n', `it exited with ${exitCode} and wrote ${stdout}`);
    const first = ctx.expectDone(await ctx.session.run('head', ['-c', '3'], { stdin }));
    ctx.expect(first === 'xxx', `head wrote ${first}`);
    const line = ctx.expectDone(await ctx.session.sh('yes | head -n 1', { timeoutMs: 60_000 }), 'yes in front of head');
    ctx.expect(line === 'y\n', `head wrote ${line}`);
  });
  const late = await ctx.session.sh('exec 1>&- 2>&-; sleep 0.2; echo lost; exit 6');
  const { exitCode } = ctx.expectEnd(late, 'exited', 'a program without an output');
  ctx.expect(exitCode === 6, `a program without an output exited with ${exitCode}`);
  ctx.held('every end as it was');
}
