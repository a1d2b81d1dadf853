export const number = 3;
export const title = 'daemon that forks twice and leaves its session';
export const tries = 'double-forks into a session, a process group and an empty environment of its own';
export const mustHappen = 'the time limit, a cancellation and the end of its leader all take it along';
export const why = 'kills that go to a leader or its group leave such a process running for hours, holding a port';

export async function run(ctx) {
  const name = await ctx.program('03-daemon.py');
  const { leftoversKilled } = await ctx.expectTimedOut([name, 'stay'], 'daemon runs', 700);
  ctx.expect(leftoversKilled === 1, `one daemon was to be killed, and ${leftoversKilled} were`);
  await ctx.expectNoProcess();

  const staying = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name, 'stay'] });
  await staying.said('daemon runs');
  await ctx.cancel(staying);
  await ctx.expectNoProcess();

  const left = await ctx.session.run('python3', [name, 'leave']);
  ctx.expectEnd(left, 'exited');
  ctx.expect(left.result.leftoversKilled === 1, `${left.result.leftoversKilled} leftovers were killed`);
  await ctx.expectNoProcess();
  ctx.held('gone after the time limit, a cancellation and the exit of its leader');
}
