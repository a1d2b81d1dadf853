export const number = 2;
export const title = 'thread bomb';
export const tries = 'starts threads until there are no more, and goes on trying';
export const mustHappen =
  'the pids limit stops it, the run ends as timed_out, and another command is answered meanwhile';
export const why = 'threads count as processes do, and a full session must refuse a command rather than hang it';
export const session = { pidsLimit: 128 };

export async function run(ctx) {
  const name = await ctx.program('02-thread-bomb.py');
  const command = { type: 'execute_shell', commandName: 'python3', args: [name], timeoutMs: 2_000 };
  const bomb = ctx.session.stream(command);
  await bomb.said('no more');
  const meanwhile = await ctx.session.run('true', [], { timeoutMs: 5_000 });
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
