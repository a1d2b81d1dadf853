export const number = 12;
export const title = 'real-time scheduling and better priorities';
export const tries =
  'asks for SCHED_FIFO, a nice value below zero, real-time I/O and an OOM score, for itself and for the agent';
export const mustHappen = 'all of it is refused, also what would slow the agent down';
export const why = 'one real-time thread stops everything else on its processor';

export async function run(ctx) {
  const outcomes = await ctx.attempts('12-priorities.py');
  ctx.expectDenied(outcomes);
  await ctx.keepUp(() => ctx.attempts('12-priorities.py'));
  ctx.held(`${Object.keys(outcomes).length} ways, all refused`);
}
