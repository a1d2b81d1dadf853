import { fileUrl, outcomeOf } from '../../answers.mjs';

const ENOUGH = 3;

export const number = 80;
export const title = "another's session";
export const tries = "uses ids that are near to another client's session: cut, longer, in other case, its container's";
export const mustHappen = 'each is answered as an id that never was, in the same words, and the session is not touched';
export const why = 'an id is all that keeps one client from the session of another';

export async function run(ctx) {
  const owner = await ctx.connect();
  const theirs = await ctx.newSession({ name: 'theirs' }, owner);
  ctx.expect((await theirs.write('secret', 'theirs')).success, 'the other session could not be written to');
  const { result: before } = await outcomeOf(owner.call('session.get', { sessionId: theirs.sessionId }));
  const guesses = near(theirs);
  const unknown = await answers(ctx, `s_${'A'.repeat(16)}`);
  ctx.expect(
    unknown.every((words) => words.includes('session_not_found')),
    `an id that never was is answered ${unknown.join(', ')}`,
  );
  await ctx.keepUp(async () => {
    for (const guess of guesses) {
      const found = await answers(ctx, guess);
      const other = found.find((words, index) => words !== unknown[index]);
      ctx.expect(other === undefined, `${JSON.stringify(guess)} was answered: ${other}`);
    }
  });
  const { result: after } = await outcomeOf(owner.call('session.get', { sessionId: theirs.sessionId }));
  ctx.expect(after?.lastActivity === before.lastActivity, 'the guesses count as activity of the session');
  ctx.expect((await theirs.read('secret')).result?.content === 'theirs', 'the other session was changed');
  const ids = [ctx.session, theirs, ...(await Promise.all(Array.from({ length: ENOUGH }, () => ctx.newSession())))];
  const shared = sharedPrefix(ids.map(({ sessionId }) => sessionId.slice(2)));
  ctx.expect(shared < 6, `ids of sessions begin with the same ${shared} characters`);
  ctx.held(
    `${guesses.length} guesses, ${unknown.length} ways each, told from an unknown id by nothing; ` +
      'there are no accounts: session.list tells every client of every session',
  );
}

function near({ sessionId, containerId }) {
  const swapped = [...sessionId].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('');
  return [
    sessionId.slice(0, -1),
    `${sessionId}A`,
    sessionId.slice(2),
    `S_${sessionId.slice(2)}`,
    swapped,
    ` ${sessionId}`,
    `${sessionId}\n`,
    `${sessionId}\0`,
    `../${sessionId}`,
    `${sessionId.slice(0, -1)}*`,
    `${sessionId.slice(0, -1)}_`,
    encodeURIComponent(`${sessionId}/`),
    containerId,
    containerId.slice(0, 12),
    '__proto__',
  ].filter((guess) => guess !== sessionId);
}

/** What each way to use a session answers, in words. */
async function answers(ctx, sessionId) {
  const command = { type: 'read_file', path: 'secret' };
  const calls = {
    'session.get': {},
    'session.extend': { idleTimeoutMinutes: 60 },
    'session.execute': { command },
    'process.start': { commandName: 'true' },
    'process.list': {},
    'session.close': {},
  };
  const refusals = await Promise.all(
    Object.entries(calls).map(async ([method, params]) => {
      const { result, message } = await outcomeOf(ctx.client.call(method, { sessionId, ...params }));
      return message ?? `${method} did it: ${JSON.stringify(result)}`;
    }),
  );
  const url = new URL(fileUrl(ctx, 'secret'));
  url.pathname = `/v1/sessions/${encodeURIComponent(sessionId)}/files`;
  const reply = await fetch(url);
  return [...refusals, `${reply.status} ${await reply.text()}`];
}

function sharedPrefix(texts) {
  let length = 0;
  while (texts.every((text) => text[length] === texts[0][length])) length++;
  return length;
}
