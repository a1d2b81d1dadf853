export const number = 19;
export const title = 'stack overflow';
export const tries = 'pushes on its stack without an end, with the usual stack and with an unlimited one';
export const mustHappen = 'the run is signaled by SIGSEGV or out_of_memory, and never a success';
export const why = 'it is the commonest crash of all, and must be told apart from a kill by us';
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  const name = await ctx.program('19-stack-overflow.py');
  const usual = await ctx.session.run('python3', [name]);
  const { signal } = ctx.expectEnd(usual, 'signaled');
  ctx.expect(signal === 'SIGSEGV', `it died of ${signal}`);
  const unlimited = await ctx.session.sh(`ulimit -s unlimited; exec python3 ${name}`, { timeoutMs: 10_000 });
  const { endReason } = unlimited.result;
  ctx.expect(['signaled', 'out_of_memory'].includes(endReason), `an unlimited stack ended as ${endReason}`);
  ctx.expect(!unlimited.success, 'an unlimited stack was a success');
  await ctx.expectAlive();
  ctx.held(`signaled by ${signal}; with an unlimited stack ${endReason}`);
}
