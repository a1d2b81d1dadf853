export const number = 2;
export const title = 'thread bomb';
export const tries = 'starts threads until there are no more, and goes on trying';
export const mustHappen =
  'the pids limit stops it, the run ends as timed_out, and another command is answered meanwhile';
export const why = 'threads count as processes do, and a full session must refuse a command rather than hang it';
export const session = { pidsLimit: 128 };

export async function run(ctx) {
  const name = await ctx.program('02-thread-bomb.py');
  const bomb = await begun(ctx, name);
  const meanwhile = await ctx.session.run('true', [], { timeoutMs: 60_000 });
  const refused = meanwhile.errorCode === 'spawn_failed' && meanwhile.result.kind === 'resource_limit';
  ctx.expect(
    refused || meanwhile.success,
    `a command beside the bomb must run or be refused, and was ${JSON.stringify(meanwhile)}`,
  );
  const { stdout } = ctx.expectEnd(await bomb.result, 'timed_out');
  const threads = Number(/no more than (\d+)/.exec(stdout)?.[1]);
  ctx.expect(threads > 0 && threads <= 128 + 48, `there were ${threads} threads, and the limit is 128`);
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held(`${threads} threads, then timed_out; a command meanwhile was ${refused ? 'refused' : 'run'}`);
}

/** The bomb when it has met the limit: begun again with more time where the machine was too slow for that. */
async function begun(ctx, name) {
  for (let timeoutMs = 2_000; ; timeoutMs *= 3) {
    const bomb = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name], timeoutMs });
    const hasMetLimit = await bomb.said('no more').then(
      () => true,
      () => false,
    );
    if (hasMetLimit || timeoutMs > 20_000) return bomb;
  }
}
