import { setTimeout as delay } from 'node:timers/promises';

import { outcomeOf } from '../../answers.mjs';
import { inspect } from '../../host.mjs';

/** How long after the commands the sessions are closed. */
const MOMENTS_MS = [0, 5, 40];
const ANSWER_LIMIT_MS = 60_000;
const ENDED = ['session_ended', 'session_not_found'];

export const number = 79;
export const title = 'close and commands that race';
export const tries = 'has two clients close a session, each twice, while both begin commands in it';
export const mustHappen =
  'one close counts, and when it is answered the container is gone; every command is answered, none with a false success';
export const why = 'between the look for a session and its use another client may take it away';
export const session = null;

export async function run(ctx) {
  const other = await ctx.connect();
  const sessions = await Promise.all(MOMENTS_MS.map(() => ctx.newSession()));
  const all = await Promise.all(sessions.map((session, index) => race(ctx, session, other, MOMENTS_MS[index])));
  const count = (kind) => all.flat().filter((one) => one === kind).length;
  ctx.held(`one close each; ${count('done')} commands done, ${count('failed')} ended with the session or were refused`);
}

async function race(ctx, session, other, momentMs) {
  const { sessionId } = session;
  const clients = [session.client, other];
  const begun = clients.flatMap((client) =>
    commands().map(async (command) => {
      const answer = await within(outcomeOf(client.call('session.execute', { sessionId, command })));
      return judged(ctx, command, answer);
    }),
  );
  const started = clients.map(async (client) => {
    const params = { sessionId, commandName: 'sleep', args: ['600'] };
    const { reason = 'done' } = await within(outcomeOf(client.call('process.start', params)));
    ctx.expect(reason === 'done' || ENDED.includes(reason), `process.start was refused as ${reason}`);
  });
  await delay(momentMs);
  session.closed = true;
  const closes = await Promise.all(
    [...clients, ...clients].map(async (client) => {
      const answer = await within(outcomeOf(client.call('session.close', { sessionId })));
      if (answer.result?.closed === true) {
        ctx.expect(
          (await inspect(session.containerId)) === undefined,
          'a close was answered before its container was gone',
        );
        return true;
      }
      ctx.expect(ENDED.includes(answer.reason), `a close was answered ${JSON.stringify(answer)}`);
      return false;
    }),
  );
  ctx.expect(closes.filter(Boolean).length === 1, `${closes.filter(Boolean).length} closes of one session were done`);
  await Promise.all(started);
  return Promise.all(begun);
}

function commands() {
  return [
    { type: 'execute_shell', commandName: 'sh', args: ['-c', 'echo be; sleep 0.03; echo gun'] },
    { type: 'execute_shell', commandName: 'sleep', args: ['600'] },
    { type: 'execute_code', code: 'print(6 * 7)' },
    { type: 'write_file', path: 'file', content: 'x'.repeat(100_000) },
    { type: 'read_file', path: 'file' },
    { type: 'list_directory', recursive: true },
  ];
}

/** `done` or `failed`; falls where an answer says what is not so. */
function judged(ctx, command, { result: reply, reason }) {
  if (reason !== undefined) {
    ctx.expect(ENDED.includes(reason), `${command.type} was refused as ${reason}`);
    return 'failed';
  }
  const { success, result, errorCode } = reply;
  ctx.expect(success || typeof errorCode === 'string', `${command.type} failed without a reason`);
  if (!success) return 'failed';
  const isRun = command.type.startsWith('execute_');
  const said = { sh: 'be\ngun\n', sleep: 'nothing', undefined: '42\n' }[command.commandName];
  ctx.expect(
    !isRun || (result.endReason === 'exited' && result.stdout === said),
    `false success: ${JSON.stringify(reply)}`,
  );
  return 'done';
}

async function within(answer) {
  const timer = new AbortController();
  try {
    return await Promise.race([answer, delay(ANSWER_LIMIT_MS, { reason: 'no answer' }, { signal: timer.signal })]);
  } finally {
    timer.abort();
  }
}
