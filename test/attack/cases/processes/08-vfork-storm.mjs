export const number = 8;
export const title = 'storm of vfork, clone and clone3';
export const tries = 'makes short-lived processes as fast as it can, by every call that makes one';
export const mustHappen = 'the time limit ends all of them, whatever pid they had just got';
export const why = 'a kill that reads a list of processes misses those that are born while it reads';
export const session = { pidsLimit: 128 };

export async function run(ctx) {
  const reply = await ctx.attack('08-vfork-storm.py', [], { timeoutMs: 1_500 });
  const { leftoversKilled, stdout } = ctx.expectEnd(reply, 'timed_out');
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held(`timed_out, ${leftoversKilled} killed; ${stdout.trim()}`);
}
