export const number = 13;
export const title = 'argv of 2 MB, and names that forge /proc';
export const tries =
  "asks for 2 MB of arguments, and runs daemons named as if /proc said that they were dead or another's";
export const mustHappen = 'the first is spawn_failed (args_too_long), and the kill finds every daemon';
export const why = "names and arguments are the tenant's, and are read by whoever lists processes";

export async function run(ctx) {
  const long = await ctx.session.run(
    'true',
    Array.from({ length: 20 }, () => 'x'.repeat(100_000)),
  );
  const { kind } = ctx.expectEnd(long, 'spawn_failed', 'an argv of 2 MB');
  ctx.expect(kind === 'args_too_long', `an argv of 2 MB failed because of ${kind}`);
  const name = await ctx.program('13-names.py');
  const { stdout, leftoversKilled } = await ctx.expectTimedOut([name], 'daemons', 1_200);
  const daemons = Number(/(\d+) daemons/.exec(stdout)?.[1]);
  ctx.expect(daemons > 0 && leftoversKilled === daemons, `of ${daemons} daemons ${leftoversKilled} were killed`);
  await ctx.expectNoProcess();
  ctx.held(`args_too_long; ${daemons} daemons with forged names killed`);
}
