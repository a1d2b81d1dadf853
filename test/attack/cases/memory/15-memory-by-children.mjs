export const number = 15;
export const title = 'memory bomb of many children';
export const tries = 'has eight children take memory at once, and a new one for each that is killed';
export const mustHappen =
  'the limit is of the session and not of a process: the kernel kills children, and the run tells';
export const why = 'a limit per process (rlimit) is multiplied by the number of processes';
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  const reply = await ctx.attack('15-memory-by-children.py', [], { timeoutMs: 60_000 });
  const { oomKills, exitCode } = ctx.expectEnd(reply, 'out_of_memory');
  ctx.expect(
    oomKills > 0 && exitCode === 137,
    `${oomKills} children were killed, and the leader exited with ${exitCode}`,
  );
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held(`out_of_memory, ${oomKills} children killed by the kernel`);
}
