export const number = 40;
export const title = 'descriptor exhaustion';
export const tries = 'opens files, pipes and sockets in eight processes until no more is given';
export const mustHappen = 'each process stops at its own limit; the agent and other sessions still open what they need';
export const why = 'the table of open files is one for the whole host';

export async function run(ctx) {
  const name = await ctx.program('40-descriptors.py');
  const attack = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name], timeoutMs: 15_000 });
  await attack.said('all full');
  await ctx.expectAlive();
  const written = await ctx.session.write('beside', 'content');
  ctx.expect(written.success, `write_file beside it answered ${written.error}`);
  await ctx.cancel(attack);
  await ctx.expectNoProcess();
  const text = attack.notes.map(({ data }) => data).join('');
  ctx.held(text.split('\n')[0]);
}
