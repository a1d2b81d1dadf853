/**
 * Runs a program that tries to get out, and expects that nothing does. Keeps it up for the bystander.
 * @returns how many ways it tried
 */
export async function expectCutOff(ctx, name, args = []) {
  await ctx.program('reach.py');
  let outcomes;
  await ctx.keepUp(async () => {
    outcomes = await ctx.attempts(name, args);
    ctx.expectDenied(outcomes);
  });
  await ctx.expectAlive();
  return Object.keys(outcomes).length;
}
