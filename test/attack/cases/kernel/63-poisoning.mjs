export const number = 63;
export const title = 'poisoning of later commands';
export const tries =
  'leaves .bashrc, sitecustomize, ld.so.preload and PATH traps, and exports LD_PRELOAD, PATH and BASH_ENV';
export const mustHappen =
  'nothing outside its own home can be changed, no command inherits an environment, no other session is touched, and the ends told stay true';
export const why = 'what runs with the next command runs as whoever gives it';

const ENV = { LD_PRELOAD: '/tmp/evil.so', BASH_ENV: '/workspace/.bashrc', PATH: '/workspace:/usr/bin:/bin', EVIL: '1' };

export async function run(ctx) {
  const neighbour = await ctx.newSession();
  const changed = ctx.expectDone(await ctx.attack('63-poisoning.py'));
  ctx.expect(changed === '', `could be changed: ${changed}`);
  await ctx.keepUp(async () => {
    await ctx.session.sh('export LD_PRELOAD=/tmp/evil.so EVIL=1 PATH=/workspace', { env: ENV });
    const environment = ctx.expectDone(await ctx.session.sh('env'));
    ctx.expect(!/EVIL|LD_PRELOAD|BASH_ENV|PATH=\/workspace/.test(environment), `inherited: ${environment}`);
    const told = ctx.expectEnd(await ctx.session.python('raise SystemExit(7)'), 'exited');
    ctx.expect(told.exitCode === 7, `the exit code told is ${told.exitCode}`);
    const other = await neighbour.sh('python3 -c 1; sh -lc true; bash -lc true; ls /tmp /workspace -A');
    ctx.expect(!ctx.expectDone(other).includes('poisoned'), 'a neighbour ran what was left');
  });
  await ctx.expectAlive();
  ctx.held('nothing outside of its own home, no environment inherited, the neighbour clean');
}
