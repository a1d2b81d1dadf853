export const number = 18;
export const title = 'locking memory';
export const tries = 'locks memory by mlock, mlock2, mlockall, MAP_LOCKED and as huge pages';
export const mustHappen =
  'nothing beyond the small limit of every user is locked, and it counts as memory of the session';
export const why = 'locked memory cannot be taken back by the kernel when others need it';
export const session = { memoryLimitMB: 128 };

export async function run(ctx) {
  const outcomes = await ctx.attempts('18-mlock.py');
  ctx.expectDenied(outcomes);
  await ctx.keepUp(() => ctx.attempts('18-mlock.py'));
  await ctx.expectAlive();
  ctx.held(
    Object.entries(outcomes)
      .map((pair) => pair.join(': '))
      .join(', '),
  );
}
