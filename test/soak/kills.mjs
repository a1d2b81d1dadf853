// Many programs that print numbered lines, and a server that is killed at random moments: every line must come exactly
// once, and every exit be true. npm run soak:kills (KILLS_SESSIONS=20, KILLS=5, KILLS_LINES=6000)
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { SoakClient } from './client.mjs';
import { belongings } from './host.mjs';
import { SoakServer } from './server.mjs';

const SESSIONS = Number(process.env.KILLS_SESSIONS ?? 20);
const KILLS = Number(process.env.KILLS ?? 5);
const LINES = Number(process.env.KILLS_LINES ?? 6000);
const MAX_PAUSE_MS = 6_000;
const CODE = `
import sys, time
for line in range(1, ${LINES} + 1):
    print(line, flush=True)
    time.sleep(0.01)
sys.exit(int(sys.argv[1]))
`;

const stateDirectory = await mkdtemp(join(tmpdir(), 'codebeaker-kills-'));
const server = await SoakServer.create(`cbkills-${randomBytes(4).toString('hex')}`, stateDirectory);
const programs = new Map();
let client;

try {
  await server.start();
  await connect();
  for (let number = 0; number < SESSIONS; number++) await begin(number);
  await attachAll();
  for (let kill = 0; kill < KILLS; kill++) {
    await delay(500 + Math.random() * MAX_PAUSE_MS);
    await server.end('SIGKILL');
    await server.start();
    await connect();
    await attachAll();
  }
  await Promise.all([...programs.values()].map(({ exited }) => exited.promise));
  const wrong = [...programs.values()].flatMap((program) => faults(program));
  await Promise.all([...programs.values()].map(({ sessionId }) => client.call('session.close', { sessionId })));
  wrong.push(...(await belongings(server.serverId, stateDirectory)).map((left) => `left behind: ${left}`));
  for (const line of wrong) console.log(line);
  const lines = [...programs.values()].reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
  console.log(`${SESSIONS} programs, ${KILLS} kills, ${lines} lines of ${SESSIONS * LINES}, ${wrong.length} faults`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} finally {
  await server.end('SIGTERM');
  await server.removeAll();
  await rm(stateDirectory, { recursive: true, force: true });
}

async function connect() {
  client = await SoakClient.connect(server.url);
  client.listen(take);
}

async function begin(number) {
  const { sessionId } = await client.call('session.create', { language: 'python', memoryLimitMB: 64 });
  const { processId } = await client.call('process.start', {
    sessionId,
    commandName: 'python3',
    args: ['-c', CODE, String(number)],
    attach: false,
  });
  let resolve;
  const promise = new Promise((yes) => (resolve = yes));
  programs.set(processId, {
    number,
    sessionId,
    processId,
    text: '',
    nextSeq: 0,
    exits: [],
    dropped: 0,
    exited: { promise, resolve },
  });
}

function attachAll() {
  return Promise.all(
    [...programs.values()].map(({ processId, nextSeq }) =>
      client.call('process.attach', { processId, fromSeq: nextSeq }),
    ),
  );
}

function take(method, params) {
  const program = programs.get(params.processId);
  if (!program) return;
  program.dropped += params.droppedBytes ?? 0;
  if (method === 'process.output') {
    program.text += params.data;
    program.nextSeq = params.seq + 1;
  }
  // Those that had ended before a kill are told of their end again by each attach.
  if (method === 'process.exited') {
    program.exits.push(params);
    program.exited.resolve();
  }
}

function faults({ number, text, dropped, exits }) {
  const wrong = [];
  const expected = Array.from({ length: LINES }, (_, line) => `${line + 1}\n`).join('');
  if (text !== expected) wrong.push(`program ${number}: ${text.length} characters of ${expected.length}`);
  if (dropped > 0) wrong.push(`program ${number}: ${dropped} bytes were dropped`);
  if (!exits.every(({ endReason, exitCode }) => endReason === 'exited' && exitCode === number)) {
    wrong.push(`program ${number}: ended as ${JSON.stringify(exits)}`);
  }
  return wrong;
}
