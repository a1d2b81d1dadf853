// Session B, in a process of its own: what the attacker's client does with its answers must not be taken for the server's
// doing. Tells each round as `{ from, to }` in ms since 1970, and the first fault as `{ fault }`.
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { SoakClient } from '../soak/client.mjs';

/** Between two rounds, so that the bystander is a user and not a load. */
const pauseMs = Number(process.argv[3]);
/** A round that takes longer is no answer. */
const ROUND_LIMIT_MS = 20_000;

const over = new AbortController();
process.once('message', () => over.abort());
process.once('disconnect', () => process.exit());

const client = await SoakClient.connect(process.argv[2]);
const { sessionId } = await client.call('session.create', { language: 'python', memoryLimitMB: 128 });
const command = (fields) => client.call('session.execute', { sessionId, command: fields });

try {
  for (let round = 0; !over.signal.aborted; round++) {
    const from = now();
    await limited(work(`round ${round}`));
    process.send({ from, to: now() });
    await delay(pauseMs);
  }
} catch (error) {
  process.send({ fault: error.message });
}
await client.call('session.close', { sessionId }).catch(() => undefined);
client.close();
process.disconnect();

async function work(content) {
  const run = await command({ type: 'execute_shell', commandName: '/bin/true' });
  if (!run.success || run.result.exitCode !== 0) throw new Error(`/bin/true ended as ${JSON.stringify(run)}`);
  const written = await command({ type: 'write_file', path: 'bystander', content });
  if (!written.success) throw new Error(`write_file answered ${JSON.stringify(written)}`);
  const read = await command({ type: 'read_file', path: 'bystander' });
  if (read.result?.content !== content) throw new Error(`read_file answered ${JSON.stringify(read)}`);
}

async function limited(work) {
  const timer = new AbortController();
  const late = delay(ROUND_LIMIT_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer within ${ROUND_LIMIT_MS} ms`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
}

/** The same clock in every process. */
function now() {
  return performance.timeOrigin + performance.now();
}
