export const number = 10;
export const title = 'ptrace of the agent, and its memory, environment and descriptors';
export const tries = 'attaches to PID 1, reads and writes its memory, lists and steals its descriptors';
export const mustHappen = 'all of it is refused';
export const why = 'the agent holds capabilities and the channel to the server: who reads it can forge answers';

export async function run(ctx) {
  const outcomes = await ctx.attempts('10-agent-memory.py');
  ctx.expectDenied(outcomes);
  await ctx.expectAlive();
  ctx.held(`${Object.keys(outcomes).length} ways, all refused`);
}
