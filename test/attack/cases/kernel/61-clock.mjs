export const number = 61;
export const title = 'changing the clock';
export const tries = 'sets the time, adjusts it, makes a time namespace, opens the hardware clock';
export const mustHappen = 'all of it is refused';
export const why = "the clock is the host's and everybody's: certificates, leases and logs go by it";

export async function run(ctx) {
  let outcomes;
  await ctx.keepUp(async () => {
    outcomes = await ctx.attempts('61-clock.py');
    ctx.expectDenied(outcomes);
  });
  ctx.held(`${Object.keys(outcomes).length} ways, all refused`);
}
