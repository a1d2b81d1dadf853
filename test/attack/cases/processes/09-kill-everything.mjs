export const number = 9;
export const title = 'kill -9 -1, and every signal to the agent';
export const tries = 'sends every signal to PID 1 and SIGKILL to all that it may';
export const mustHappen =
  "the agent takes none; the session's other command is told to have died of a signal, not of us";
export const why = 'who can kill the main process ends the sandbox, and who can be mistaken for the server can lie';

export async function run(ctx) {
  const other = ctx.session.stream({
    type: 'execute_shell',
    commandName: 'sh',
    args: ['-c', 'echo up; exec sleep 60'],
  });
  await other.said('up');
  await ctx.program('09-kill-everything.py');
  const out = ctx.expectDone(await ctx.session.run('python3', ['09-kill-everything.py']));
  ctx.expect(out.startsWith('0 signals reached the agent'), `it wrote ${out}`);
  const { signal } = ctx.expectEnd(await other.result, 'signaled', "the session's other command");
  ctx.expect(signal === 'SIGKILL', `the other command died of ${signal}`);
  await ctx.expectAlive();
  ctx.held(`${out.trim()}; the other command was signaled by ${signal}`);
}
