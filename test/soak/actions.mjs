// What the soak's clients do. Each action throws a Lie where an answer was not true.
import { randomBytes } from 'node:crypto';

import { docker } from './host.mjs';

/** An answer that was not true: what the soak is there to find. */
export class Lie extends Error {}

function require(condition, what) {
  if (!condition) throw new Lie(what);
}

const token = () => randomBytes(8).toString('hex');
const shell = (client, sessionId, script, more = {}) =>
  client.call('session.execute', {
    sessionId,
    command: { type: 'execute_shell', commandName: 'sh', args: ['-c', script], ...more },
  });

async function echo(client, sessionId) {
  const word = token();
  const { success, result } = await shell(client, sessionId, `printf %s ${word}`);
  require(success && result.stdout === word, `echo answered ${JSON.stringify(result)}`);
}

async function files(client, sessionId) {
  const content = randomBytes(200_000).toString('base64');
  const path = `soak-${token()}`;
  const command = (fields) => client.call('session.execute', { sessionId, command: { path, ...fields } });
  const written = await command({ type: 'write_file', content, encoding: 'base64' });
  require(written.success && written.result.bytes === 200_000, `write_file answered ${JSON.stringify(written)}`);
  const { result } = await command({ type: 'read_file', encoding: 'base64' });
  require(result?.content === content, 'a file was read otherwise than it was written');
  require((await command({ type: 'delete_file' })).success, 'a file could not be deleted');
}

/** A flood that is streamed: every byte arrives once and in order. */
async function flood(client, sessionId) {
  const lines = 20_000;
  const command = { type: 'execute_shell', commandName: 'seq', args: [String(lines)] };
  let text = '';
  let nextSeq = 0;
  const { id, result } = client.begin('session.execute', { sessionId, command, stream: true });
  const off = client.listen((method, params) => {
    if (method !== 'session.output' || params.requestId !== id) return;
    require(params.seq === nextSeq++, `seq ${params.seq} came, ${nextSeq - 1} was due`);
    text += params.data;
  });
  try {
    require((await result).success, 'seq failed');
  } finally {
    off();
  }
  const expected = Array.from({ length: lines }, (_, line) => `${line + 1}\n`).join('');
  require(text === expected, `a stream of ${expected.length} bytes came as ${text.length}`);
}

/** What runs away, forks twice and leaves its session is killed with its command. */
async function runaway(client, sessionId) {
  const mark = `9${Math.floor(Math.random() * 1e6)}`;
  const script = `(setsid sleep ${mark} &) ; sleep ${mark}`;
  const { success, result } = await shell(client, sessionId, script, { timeoutMs: 300 });
  require(!success && result.endReason === 'timed_out', `a runaway answered ${JSON.stringify(result)}`);
  // Written so that the search does not find itself.
  const pattern = `[9]${mark.slice(1)}`;
  const left = await shell(client, sessionId, `grep -l '${pattern}' /proc/[0-9]*/cmdline 2>/dev/null; true`);
  require(left.result.stdout === '', `a sleep outlived its command: ${left.result.stdout}`);
}

async function cancel(client, sessionId) {
  const command = { type: 'execute_shell', commandName: 'sleep', args: ['100'] };
  const { id, result } = client.begin('session.execute', { sessionId, command });
  const answer = result.then(
    () => 'success',
    (error) => error.reason ?? 'disconnected',
  );
  await echo(client, sessionId);
  client.notify('$/cancelRequest', { id });
  const reason = await answer;
  require(reason !== 'success', 'a cancelled sleep of 100 s succeeded');
}

/** A background process, watched to its end. */
async function background(client, sessionId) {
  const { processId } = await client.call('process.start', {
    sessionId,
    commandName: 'sh',
    args: ['-c', 'for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; exit 7'],
    attach: false,
  });
  let text = '';
  const off = client.listen((method, params) => {
    if (method === 'process.output' && params.processId === processId) text += params.data;
  });
  try {
    await client.call('process.attach', { processId });
    const end = await client.call('process.wait', { processId });
    require(end.endReason === 'exited' && end.exitCode === 7, `a process ended as ${JSON.stringify(end)}`);
    await echo(client, sessionId);
    require(text === '1\n2\n3\n4\n5\n', `a process wrote ${JSON.stringify(text)}`);
  } finally {
    off();
  }
}

async function memory(client, sessionId) {
  const command = {
    type: 'execute_shell',
    commandName: 'python3',
    args: ['-c', 'x = []\nwhile True: x.append(bytearray(10_000_000))'],
  };
  const { success, result } = await client.call('session.execute', { sessionId, command });
  require(!success && result.endReason === 'out_of_memory', `a memory bomb ended as ${JSON.stringify(result)}`);
}

/** Leaves in the middle of a program, without a word. */
async function drop(client, sessionId) {
  const { result } = client.begin('session.execute', {
    sessionId,
    command: { type: 'execute_shell', commandName: 'sleep', args: ['50'] },
    stream: true,
  });
  result.catch(() => undefined);
  await echo(client, sessionId);
  client.drop();
}

async function list(client) {
  require(Array.isArray((await client.call('session.list', {})).sessions), 'session.list listed nothing');
}

/** Stateless, in a container of its own. */
async function run(client) {
  const word = token();
  const result = await client.call('execution.run', { language: 'python', code: `print("${word}")` });
  require(result.stdout === `${word}\n`, `execution.run answered ${JSON.stringify(result)}`);
}

/** Somebody else takes the container away. */
async function takeAway(_client, _sessionId, { containerId }) {
  await docker
    .getContainer(containerId)
    .remove({ force: true })
    .catch((error) => {
      // The clean-up was sooner: a session of six seconds ends while a server that died is away.
      if (error.statusCode !== 404) throw error;
    });
}

/** Name, what it does, how often of a hundred, and whether the session is over then. */
export const ACTIONS = [
  { name: 'echo', act: echo, weight: 30 },
  { name: 'files', act: files, weight: 15 },
  { name: 'flood', act: flood, weight: 8 },
  { name: 'runaway', act: runaway, weight: 10 },
  { name: 'cancel', act: cancel, weight: 8 },
  { name: 'background', act: background, weight: 10 },
  { name: 'memory', act: memory, weight: 3 },
  { name: 'drop', act: drop, weight: 5 },
  { name: 'list', act: list, weight: 5 },
  { name: 'run', act: run, weight: 4 },
  { name: 'take away', act: takeAway, weight: 2, endsSession: true },
];
