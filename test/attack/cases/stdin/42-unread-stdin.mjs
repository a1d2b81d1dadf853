const EACH_BYTES = 8_000_000;
const AT_ONCE = 4;

export const number = 42;
export const title = 'input that nobody reads';
export const tries =
  'pushes as much stdin as one frame carries to programs that never read it, several at once, and again';
export const mustHappen =
  'each ends by its time limit, others are served meanwhile, and the server keeps nothing of it';
export const why = 'what waits for a full pipe is memory of the server, for as long as the program likes';

export async function run(ctx) {
  const stdin = 'x'.repeat(EACH_BYTES);
  await ctx.keepUp(async () => {
    const replies = await Promise.all(
      Array.from({ length: AT_ONCE }, () => ctx.session.run('sleep', ['60'], { stdin, timeoutMs: 700 })),
    );
    for (const reply of replies) ctx.expectEnd(reply, 'timed_out');
  });
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held(`${AT_ONCE} × ${EACH_BYTES / 1e6} MB, each timed_out`);
}
