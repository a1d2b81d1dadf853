export const number = 4;
export const title = 'program that ignores every signal that can be ignored';
export const tries = 'ignores SIGTERM, SIGINT, SIGHUP and the rest, and stays';
export const mustHappen = 'the time limit, a cancellation and a close of its session end it, each by its own reason';
export const why = 'a kill that asks politely leaves such a program running';

export async function run(ctx) {
  const name = await ctx.program('04-ignores-signals.py');
  await ctx.expectTimedOut([name], 'ignored', 600);
  const command = { type: 'execute_shell', commandName: 'python3', args: [name] };
  const cancelled = ctx.session.stream(command);
  await cancelled.said('ignored');
  await ctx.cancel(cancelled);
  await ctx.expectNoProcess();
  const closed = ctx.session.stream(command);
  await closed.said('ignored');
  await ctx.session.close();
  ctx.expectEnd(await closed.result, 'killed', 'a program whose session is closed');
  ctx.held('timed_out, request_cancelled and killed');
}
