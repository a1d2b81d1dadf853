export const number = 20;
export const title = 'spinning on all processors';
export const tries = 'runs eight processes and as many threads that only count';
export const mustHappen = 'they get the processor time of the session and no more, until the time limit ends them';
export const why = 'the most usual of all attacks, mostly made by mistake';
export const session = { cpuLimit: 1 };

export async function run(ctx) {
  const { cpuMs, durationMs } = ctx.expectEnd(await ctx.attack('20-spin.py', [], { timeoutMs: 2_500 }), 'timed_out');
  ctx.expect(cpuMs > 0 && cpuMs < 1.4 * durationMs, `it got ${cpuMs} ms of processor time in ${durationMs} ms`);
  await ctx.expectNoProcess();
  ctx.held(`timed_out with ${cpuMs} ms of processor time in ${durationMs} ms`);
}
