export const number = 1;
export const title = 'fork bomb, in a shell and in Python';
export const tries = 'forks for ever, by the shell function that everybody knows and by a loop of os.fork';
export const mustHappen = 'the pids limit stops it, the run ends as timed_out, and no process of it is left';
export const why = 'without a limit of its own a session takes the process table of the whole host';
export const session = { pidsLimit: 128 };

export async function run(ctx) {
  const name = await ctx.program('01-fork-bomb.py');
  await bomb(ctx, 'bash', ['-c', ':(){ :|:& };:; wait; sleep 60']);
  await bomb(ctx, 'python3', [name]);
}

async function bomb(ctx, command, args) {
  const reply = await ctx.session.run(command, args, { timeoutMs: 1_500 });
  const { leftoversKilled } = ctx.expectEnd(reply, 'timed_out', `the fork bomb in ${command}`);
  await ctx.expectNoProcess();
  ctx.held(`${command}: timed_out, ${leftoversKilled} processes killed`);
}
