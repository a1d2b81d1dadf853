export const number = 17;
export const title = 'page cache and wide mappings';
export const tries = 'writes and reads files larger than its memory, dirties shared mappings, maps terabytes';
export const mustHappen =
  'the cache is charged to the session and taken back: nothing is killed, the program ends by itself';
export const why = "a cache that is the host's pushes out what others work with";
export const session = { memoryLimitMB: 64, diskLimitMB: 256 };

export async function run(ctx) {
  const reply = await ctx.attack('17-page-cache.py', [], { timeoutMs: 20_000 });
  const out = ctx.expectDone(reply);
  ctx.expect(reply.result.oomKills === 0, `the kernel killed ${reply.result.oomKills}`);
  await ctx.expectAlive();
  ctx.held(`${out.trim()} in ${reply.result.durationMs} ms`);
}
