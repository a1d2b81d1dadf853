// Minutes of everything at once – sessions, floods, runaways, dropped sockets, servers killed and started again – and
// then a look at what is left: npm run soak (SOAK_MINUTES=10, SOAK_CLIENTS=6)
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { table } from '../bench/measure.mjs';
import { ACTIONS, Lie } from './actions.mjs';
import { Disconnected, Refused, SoakClient } from './client.mjs';
import { agentPids, belongings, enginePid, usageOf } from './host.mjs';
import { SoakServer } from './server.mjs';

const MINUTES = Number(process.env.SOAK_MINUTES ?? 10);
const CLIENTS = Number(process.env.SOAK_CLIENTS ?? 6);
/** Restarts come in the first part; the rest is one server's life, in which its memory must not grow. */
const RESTARTING_SHARE = 0.5;
const RESTART_EVERY_MS = 30_000;
const SAMPLE_EVERY_MS = 2_000;
const ACTIONS_PER_SESSION = 12;
/** How long idle sessions that nobody closes live: the clean-up must find them. */
const IDLE_MINUTES = 0.1;
/** What an engine was still making when its server was killed is nobody's, and taken for that only after a minute. */
const CLEAR_WITHIN_MS = 90_000;
/** Node's heap breathes; what it grows by beyond this in minutes is a leak. */
const GROWTH_LIMIT_MIB = 32;
const MORE_DESCRIPTORS = 8;
/** How a call may fail when its session or its server was ended under it. */
const EXPECTED = new Set([
  'session_ended',
  'session_not_found',
  'request_cancelled',
  'shutting_down',
  'process_not_found',
]);

const counts = new Map();
const lies = [];
const stateDirectory = await mkdtemp(join(tmpdir(), 'codebeaker-soak-'));
const server = await SoakServer.create(`cbsoak-${randomBytes(4).toString('hex')}`, stateDirectory);
const agentsBefore = new Set(await agentPids());
const engine = await enginePid();
const engineBefore = engine && (await usageOf(engine));
const endsAt = Date.now() + MINUTES * 60_000;
const samples = [];
const over = new AbortController();

try {
  await server.start();
  const fresh = await settledUsage();
  const sampling = sample();
  const clients = Array.from({ length: CLIENTS }, () => client());
  await restarts();
  await delay(Math.max(0, endsAt - Date.now()));
  over.abort();
  await Promise.all([...clients, sampling]);
  const verdicts = await judge(fresh);
  report(verdicts);
  process.exitCode = verdicts.every(({ holds }) => holds) ? 0 : 1;
} finally {
  over.abort();
  await server.end('SIGTERM');
  await server.removeAll();
  await rm(stateDirectory, { recursive: true, force: true });
}

/** By turns told to go and killed. */
async function restarts() {
  const until = Date.now() + (endsAt - Date.now()) * RESTARTING_SHARE;
  while (Date.now() + RESTART_EVERY_MS < until) {
    await delay(RESTART_EVERY_MS * (0.5 + Math.random()));
    await server.end(server.lives % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    await server.start();
  }
}

async function client() {
  while (!over.signal.aborted) {
    try {
      const connection = await SoakClient.connect(server.url);
      await session(connection).finally(() => connection.close());
    } catch (error) {
      await heed(error, 'session');
    }
  }
}

async function session(connection) {
  const created = await connection.call('session.create', {
    language: 'python',
    idleTimeoutMinutes: IDLE_MINUTES,
    memoryLimitMB: 128,
  });
  for (let done = 0; done < ACTIONS_PER_SESSION && !over.signal.aborted; done++) {
    const { name, act, endsSession } = pick();
    try {
      await act(connection, created.sessionId, created);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    } catch (error) {
      await heed(error, name);
      if (!(error instanceof Lie)) return;
    }
    if (endsSession || name === 'drop') return;
  }
  // Every third is left to the clean-up.
  if (Math.random() < 0.67) await connection.call('session.close', { sessionId: created.sessionId });
}

async function heed(error, where) {
  if (error instanceof Disconnected || (error instanceof Refused && EXPECTED.has(error.reason))) {
    counts.set('interrupted', (counts.get('interrupted') ?? 0) + 1);
    await delay(50);
    return;
  }
  lies.push(`${where}: ${error.message}`);
}

function pick() {
  let at = Math.random() * ACTIONS.reduce((sum, { weight }) => sum + weight, 0);
  return ACTIONS.find(({ weight }) => (at -= weight) < 0) ?? ACTIONS[0];
}

async function sample() {
  while (!over.signal.aborted) {
    const usage = await usageOf(server.pid);
    if (usage) samples.push({ ...usage, life: server.lives, at: Date.now() });
    await delay(SAMPLE_EVERY_MS);
  }
}

/** A server that has nothing to do any more. */
async function settledUsage() {
  await delay(3_000);
  return usageOf(server.pid);
}

async function judge(fresh) {
  const left = await untilNothing(() => belongings(server.serverId, stateDirectory));
  const agents = await untilNothing(async () => (await agentPids()).filter((pid) => !agentsBefore.has(pid)));
  const after = await settledUsage();
  const engineAfter = engine && (await usageOf(engine));
  const life = samples.filter((one) => one.life === server.lives);
  const third = Math.floor(life.length / 3);
  const early = median(life.slice(third, 2 * third).map(({ memoryMiB }) => memoryMiB));
  const late = median(life.slice(2 * third).map(({ memoryMiB }) => memoryMiB));
  return [
    { what: 'answers that were not true', seen: lies.length, holds: lies.length === 0 },
    { what: 'containers, volumes, loop devices left', seen: left.length, holds: left.length === 0 },
    { what: 'agent processes left', seen: agents.length, holds: agents.length === 0 },
    {
      what: "server's descriptors, before and after",
      seen: `${fresh.descriptors} → ${after.descriptors}`,
      holds: after.descriptors <= fresh.descriptors + MORE_DESCRIPTORS,
    },
    {
      what: "server's memory, second and last third of its last life",
      seen: `${early.toFixed(0)} → ${late.toFixed(0)} MiB`,
      holds: late - early <= GROWTH_LIMIT_MIB,
    },
    {
      what: "engine's descriptors, before and after",
      seen: engine ? `${engineBefore.descriptors} → ${engineAfter.descriptors}` : 'not on this host',
      holds: !engine || engineAfter.descriptors <= engineBefore.descriptors + MORE_DESCRIPTORS,
    },
  ];
}

async function untilNothing(look) {
  const until = Date.now() + CLEAR_WITHIN_MS;
  for (;;) {
    const left = await look();
    if (left.length === 0 || Date.now() > until) return left;
    await delay(500);
  }
}

function report(verdicts) {
  table([['done', 'times'], ...[...counts].map(([name, times]) => [name, String(times)])]);
  console.log(`${MINUTES} minutes, ${CLIENTS} clients, ${server.lives} lives of the server\n`);
  table([
    ['', 'seen', 'verdict'],
    ...verdicts.map(({ what, seen, holds }) => [what, String(seen), holds ? 'holds' : 'FELL']),
  ]);
  for (const lie of lies.slice(0, 20)) console.log(`not true: ${lie}`);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
