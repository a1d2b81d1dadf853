export const number = 14;
export const title = 'memory bomb';
export const tries = 'takes memory and touches it, without an end';
export const mustHappen = 'the kernel kills it, the run ends as out_of_memory, and the session goes on';
export const why = 'a death by memory that is told as signal 9 makes its owner try again and die again';
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  const { oomKills, durationMs } = ctx.expectEnd(await ctx.attack('14-memory-bomb.py'), 'out_of_memory');
  await ctx.expectAlive();
  ctx.held(`out_of_memory after ${durationMs} ms, ${oomKills} killed by the kernel`);
}
