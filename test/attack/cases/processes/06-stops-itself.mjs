export const number = 6;
export const title = 'program that stops itself';
export const tries = 'sends SIGSTOP to itself and to its children, which never run again';
export const mustHappen = 'the time limit ends it, and so does a close of its session, which answers at once';
export const why = 'a stopped process handles no signal but SIGKILL, and its owner waits for it';

const STOP = {
  type: 'execute_shell',
  commandName: 'sh',
  args: ['-c', 'echo stops; (kill -STOP 0) & wait; kill -STOP 0'],
};

export async function run(ctx) {
  ctx.expectEnd(await ctx.session.command({ ...STOP, timeoutMs: 600 }), 'timed_out');
  await ctx.expectNoProcess();
  const stopped = ctx.session.stream(STOP);
  await stopped.said('stops');
  const startedAt = performance.now();
  await ctx.session.close();
  const tookMs = Math.round(performance.now() - startedAt);
  ctx.expectEnd(await stopped.result, 'killed');
  ctx.expect(tookMs < 10_000, `the close took ${tookMs} ms`);
  ctx.held(`timed_out; closed in ${tookMs} ms and told as killed`);
}
