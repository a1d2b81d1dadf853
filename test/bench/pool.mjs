// Sandboxes made ahead, beside what the engine's own client does: npm run bench:pool
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';

import { BenchClient } from './client.mjs';
import { ms, ratio, table } from './measure.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 20);
const BURST = Number(process.env.BENCH_BURST ?? 100);
const INNER_ROUNDS = 20;
const MIB = 1_048_576;
/** What came before leaves the engine something to clear away, which must not be measured. */
const SETTLE_MS = 500;
const IMAGE = `codebeaker-python:${process.env.IMAGE_TAG ?? 'latest'}`;
const PRINT = "python3 -c 'print(1)'";

const docker = new Docker();
const directory = await mkdtemp(join(tmpdir(), 'codebeaker-bench-'));
const servers = [];

try {
  const pooled = await start({ POOL_LANGUAGES: 'python' });
  const cold = await start({ POOL_SIZE: '0', MAX_SESSIONS: String(BURST + 1) });
  console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${ROUNDS} rounds\n`);
  await compareCreates(pooled, cold);
  await compareRuns(pooled);
  await costOfWaiting(pooled);
  await burst(cold);
} finally {
  await Promise.all(servers.map(end));
  await rm(directory, { recursive: true, force: true });
}

async function compareCreates(pooled, cold) {
  const create = (server) => async () => {
    const { sessionId } = await server.client.call('session.create', { language: 'python' });
    return () => server.client.call('session.close', { sessionId });
  };
  const [a, b, c, d] = await inTurns([create(pooled), create(cold), bareCreate(cold), dockerRun(['true'])], () =>
    ready(pooled),
  );
  table([
    ['', 'p50', 'p95', 'sooner than docker run', 'of docker create + start'],
    ['session.create from the pool', ms(a.p50), ms(a.p95), ratio(d.p50, a.p50), ratio(a.p50, c.p50)],
    ['session.create, cold', ms(b.p50), ms(b.p95), ratio(d.p50, b.p50), ratio(b.p50, c.p50)],
    ['docker create + start, by API', ms(c.p50), ms(c.p95), ratio(d.p50, c.p50), ''],
    ['docker run --rm … true, as typed', ms(d.p50), ms(d.p95), '', ''],
  ]);
}

async function compareRuns(pooled) {
  const run = async () => {
    const { status, stdout } = await pooled.client.call('execution.run', { language: 'python', code: 'print(1)' });
    if (status !== 'completed' || stdout !== '1\n') throw new Error(`the run ${status}: ${stdout}`);
  };
  const [a, b] = await inTurns([run, dockerRun(['python3', '-c', 'print(1)'])], () => ready(pooled));
  const bare = await bareInside(pooled);
  table([
    ['', 'p50', 'p95', 'sooner than docker run', 'of bare'],
    ['execution.run print(1), from the pool', ms(a.p50), ms(a.p95), ratio(b.p50, a.p50), ratio(a.p50, bare)],
    [`docker run --rm … ${PRINT}, as typed`, ms(b.p50), ms(b.p95), '', ratio(b.p50, bare)],
    [`${PRINT}, spawned in a session's container`, ms(bare), '', '', ''],
  ]);
}

/** The median of a program that does nothing else: Python's own start in the very same container. */
async function bareInside({ client }) {
  const { sessionId } = await client.call('session.create', { language: 'python' });
  const code = [
    'import subprocess, time',
    'times = []',
    `for _ in range(${INNER_ROUNDS}):`,
    '    at = time.perf_counter()',
    '    subprocess.run(["python3", "-c", "print(1)"], stdout=subprocess.PIPE)',
    '    times.append(time.perf_counter() - at)',
    'print(sorted(times)[len(times) // 2] * 1000)',
  ].join('\n');
  const { result } = await client.call('session.execute', { sessionId, command: { type: 'execute_code', code } });
  await client.call('session.close', { sessionId });
  return Number(result.stdout);
}

async function costOfWaiting(pooled) {
  await ready(pooled);
  const used = await Promise.all(
    (await containersOf(pooled)).map(async ({ Id }) => {
      const { memory_stats: memory } = await docker.getContainer(Id).stats({ stream: false });
      return memory.usage / MIB;
    }),
  );
  table([
    ['', 'memory of its control group'],
    ['a pooled sandbox that waits', `${Math.max(...used).toFixed(1)} MiB`],
  ]);
}

async function burst({ client }) {
  const startedAt = performance.now();
  const outcomes = await Promise.allSettled(
    Array.from({ length: BURST }, () => client.call('session.create', { language: 'python', diskLimitMB: 64 })),
  );
  const tookMs = performance.now() - startedAt;
  const made = outcomes.filter(({ status }) => status === 'fulfilled').map(({ value }) => value);
  await Promise.all(made.map(({ sessionId }) => client.call('session.close', { sessionId })));
  table([
    ['', 'all', 'each', 'succeeded'],
    [`${BURST} creates at once, no pool`, ms(tookMs), ms(tookMs / BURST), `${made.length} of ${BURST}`],
  ]);
}

/** Times several ways of doing the same, one after the other in each round; `before` makes all ready for the next. */
async function inTurns(ways, before) {
  const times = ways.map(() => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, way] of ways.entries()) {
      await before();
      await delay(SETTLE_MS);
      const startedAt = performance.now();
      const undo = await way();
      // The first round only warms up.
      if (round >= 0) times[index].push(performance.now() - startedAt);
      await undo?.();
    }
  }
  return times.map((all) => {
    all.sort((a, b) => a - b);
    return { p50: all[Math.floor(all.length * 0.5)], p95: all[Math.floor(all.length * 0.95)] };
  });
}

function bareCreate({ serverId }) {
  return async () => {
    const container = await docker.createContainer({
      Image: IMAGE,
      Cmd: ['sleep', '60'],
      Labels: { codebeaker: serverId },
      HostConfig: { NetworkMode: 'none', AutoRemove: true },
    });
    await container.start();
    return () => container.remove({ force: true });
  };
}

function dockerRun(command) {
  return async () => {
    await promisify(execFile)('docker', ['run', '--rm', '--network', 'none', IMAGE, ...command]);
  };
}

/** Waits until the pool is as full as it will be. */
async function ready({ port }) {
  for (;;) {
    const { details } = await (await fetch(`http://127.0.0.1:${port}/health`)).json();
    if (details.pool.idle >= 2 && details.pool.filling === 0) return;
    await delay(50);
  }
}

async function start(env) {
  const port = await freePort();
  const serverId = `cbbench-${randomBytes(4).toString('hex')}`;
  const child = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
    env: {
      ...process.env,
      PORT: String(port),
      SERVER_ID: serverId,
      STATE_DIRECTORY: directory,
      LOG_LEVEL: 'error',
      ...env,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const server = { port, serverId, child };
  servers.push(server);
  server.client = await BenchClient.connect(`ws://127.0.0.1:${port}/ws/jsonrpc`);
  return server;
}

async function end(server) {
  server.client?.close();
  if (server.child.exitCode === null) {
    server.child.kill('SIGTERM');
    await once(server.child, 'exit');
  }
  // A round that failed leaves its session, which would outlive the server.
  for (const { Id } of await containersOf(server)) await docker.getContainer(Id).remove({ force: true, v: true });
}

function containersOf({ serverId }) {
  return docker.listContainers({ all: true, filters: { label: [`codebeaker=${serverId}`] } });
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
