export const number = 5;
export const title = '10,000 zombies';
export const tries = 'leaves 10,000 dead children to the main process of the sandbox, as fast as it can';
export const mustHappen = 'all are reaped: no pid is used up, the program ends by itself, and no zombie stays';
export const why = 'a main process that does not reap runs a session out of pids, for ever';
export const session = { pidsLimit: 128 };

export async function run(ctx) {
  const reply = await ctx.attack('05-zombies.py', [], { timeoutMs: 100_000 });
  const out = ctx.expectDone(reply);
  ctx.expect(out.startsWith('10000 made'), `it wrote ${JSON.stringify(out)}`);
  const zombies = ctx.expectDone(
    await ctx.session.sh("cat /proc/[0-9]*/status 2>/dev/null | grep -c '^State:.Z'; true"),
  );
  ctx.expect(zombies.trim() === '0', `${zombies.trim()} zombies are left`);
  await ctx.expectNoProcess();
  ctx.held(`${out.trim()}, in ${reply.result.durationMs} ms; all reaped`);
}
