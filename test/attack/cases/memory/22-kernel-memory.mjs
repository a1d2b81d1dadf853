import { textOf } from '../../session.mjs';

export const number = 22;
export const title = "the kernel's memory";
export const tries =
  'fills pipes and sockets, and takes every inotify instance, message queue, queued signal, key and lock that it gets';
export const mustHappen =
  "it is charged to the session's memory or limited, a neighbour still gets pipes and sockets, and the end is told";
export const why = "what is not charged to anybody is the host's, and takes memory from all";
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  const neighbour = await ctx.newSession({ memoryLimitMB: 128, diskLimitMB: 32 });
  await ctx.program('22-neighbour.py', neighbour);
  await ctx.program('../attempts.py', neighbour);
  const name = await ctx.program('22-kernel-memory.py');
  const command = { type: 'execute_shell', commandName: 'python3', args: [name], timeoutMs: 15_000 };
  const attack = ctx.session.stream(command);
  await attack.said('taken').catch(() => undefined);
  const reply = await neighbour.run('python3', ['22-neighbour.py']);
  await ctx.cancel(attack);
  const outcomes = JSON.parse(ctx.expectDone(reply, 'the neighbour'));
  for (const name of ['pipe', 'socket']) {
    ctx.expect(outcomes[name].startsWith('allowed'), `a neighbour is refused a ${name}: ${outcomes[name]}`);
  }
  await ctx.expectAlive();
  ctx.held(textOf(attack).trim().split('\n').join(', '));
  // docs/security.md tells of this one: the kernel counts these by user id, and all sandboxes have the same.
  const refused = Object.entries(outcomes).filter(([, what]) => !what.startsWith('allowed'));
  if (refused.length > 0)
    ctx.held(`NOT ISOLATED, a neighbour is refused: ${refused.map((pair) => pair.join(' ')).join(', ')}`);
}
