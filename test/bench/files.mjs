// Files over HTTP against `docker cp`, in one run, and the server's memory over 2 GB each way: npm run bench:files
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

import { BenchClient } from './client.mjs';
import { table } from './measure.mjs';

const run = promisify(execFile);
const MB = 1_000_000;
const RATE_BYTES = Number(process.env.BENCH_RATE_MB ?? 256) * MB;
const LARGE_BYTES = Number(process.env.BENCH_LARGE_MB ?? 2_000) * MB;
const ROUNDS = Number(process.env.BENCH_FILE_ROUNDS ?? 5);
const BLOCK_BYTES = 16 * 1024 * 1024;
const RSS_EVERY_MS = 50;
const LEAST_RATIO = 1 / 3;
const MOST_GROWTH_MIB = 64;

const directory = await mkdtemp(join(tmpdir(), 'codebeaker-bench-'));
const port = await freePort();
const server = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
  env: {
    ...process.env,
    PORT: String(port),
    SERVER_ID: `cbbench-${randomBytes(4).toString('hex')}`,
    STATE_DIRECTORY: join(directory, 'state'),
    LOG_LEVEL: 'warn',
    POOL_SIZE: '0',
  },
  stdio: ['ignore', 'inherit', 'inherit'],
});

try {
  const client = await BenchClient.connect(`ws://127.0.0.1:${port}/ws/jsonrpc`);
  const session = await client.call('session.create', {
    language: 'python',
    diskLimitMB: Math.ceil((1.1 * (LARGE_BYTES + 3 * RATE_BYTES)) / MB),
  });
  try {
    console.log(
      `${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, /workspace: ${session.config.diskLimitKind}\n`,
    );
    await compareRates(session);
    await watchMemory(session);
  } finally {
    await client.call('session.close', { sessionId: session.sessionId });
    client.close();
  }
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  await rm(directory, { recursive: true, force: true });
}

async function compareRates({ sessionId, containerId }) {
  const source = await makeFile('source', RATE_BYTES);
  const back = join(directory, 'back');
  const ways = {
    'up, ours': () => put(sessionId, 'ours', source),
    'up, docker cp': () => run('docker', ['cp', '-q', source, `${containerId}:/workspace/theirs`]),
    'down, ours': () => get(sessionId, 'ours', back),
    'down, docker cp': () => run('docker', ['cp', '-q', `${containerId}:/workspace/ours`, back]),
  };
  const rates = {};
  for (let round = -1; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) {
      await rm(back, { force: true });
      const startedAt = performance.now();
      await way();
      const rate = RATE_BYTES / MB / ((performance.now() - startedAt) / 1000);
      // The first round warms both up.
      if (round >= 0) (rates[name] ??= []).push(rate);
    }
  }
  const median = (name) => rates[name].sort((a, b) => a - b)[Math.floor(ROUNDS / 2)];
  const row = (way) => {
    const ratio = median(`${way}, ours`) / median(`${way}, docker cp`);
    const verdict = ratio >= LEAST_RATIO ? 'a third or more' : 'LESS THAN A THIRD';
    if (ratio < LEAST_RATIO) process.exitCode = 1;
    return [
      way,
      perSecond(median(`${way}, ours`)),
      perSecond(median(`${way}, docker cp`)),
      `${ratio.toFixed(2)} ×`,
      verdict,
    ];
  };
  table([[`${RATE_BYTES / MB} MB, median of ${ROUNDS}`, 'ours', 'docker cp', 'ratio', ''], row('up'), row('down')]);
  await rm(source);
}

async function watchMemory({ sessionId }) {
  const source = await makeFile('large', LARGE_BYTES);
  const back = join(directory, 'back');
  const rows = [[`${LARGE_BYTES / MB} MB`, 'rate', 'memory before', 'peak', 'growth', '']];
  for (const [name, way] of [
    ['up', () => put(sessionId, 'large', source)],
    ['down', () => get(sessionId, 'large', back)],
  ]) {
    const before = await residentMiB();
    let peak = before;
    const timer = setInterval(() => void residentMiB().then((now) => (peak = Math.max(peak, now))), RSS_EVERY_MS);
    const startedAt = performance.now();
    await way();
    const seconds = (performance.now() - startedAt) / 1000;
    clearInterval(timer);
    const growth = peak - before;
    const verdict = growth < MOST_GROWTH_MIB ? `less than ${MOST_GROWTH_MIB} MiB` : 'TOO MUCH';
    if (growth >= MOST_GROWTH_MIB) process.exitCode = 1;
    rows.push([
      name,
      perSecond(LARGE_BYTES / MB / seconds),
      ...[before, peak, growth].map((n) => `${n.toFixed(0)} MiB`),
      verdict,
    ]);
  }
  table(rows);
  if ((await hashOf(source)) !== (await hashOf(back))) throw new Error('the file came back otherwise than it was sent');
  console.log('came back byte by byte as it was sent');
}

async function put(sessionId, path, source) {
  const sent = request(options('PUT', sessionId, path));
  const response = once(sent, 'response');
  await pipeline(createReadStream(source, { highWaterMark: 1024 * 1024 }), sent);
  const [{ statusCode }] = await response;
  if (statusCode !== 200 && statusCode !== 201) throw new Error(`an upload was answered with ${statusCode}`);
}

async function get(sessionId, path, target) {
  const sent = request(options('GET', sessionId, path)).end();
  const [response] = await once(sent, 'response');
  if (response.statusCode !== 200) throw new Error(`a download was answered with ${response.statusCode}`);
  await pipeline(response, createWriteStream(target));
}

function options(method, sessionId, path) {
  return { host: '127.0.0.1', port, method, path: `/v1/sessions/${sessionId}/files?path=${path}`, agent: false };
}

async function makeFile(name, bytes) {
  const path = join(directory, name);
  const file = await open(path, 'w');
  const block = randomBytes(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    block.writeDoubleLE(at);
    await file.write(block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  await file.close();
  return path;
}

async function hashOf(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function residentMiB() {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

function perSecond(rate) {
  return `${rate.toFixed(0)} MB/s`;
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address();
  probe.close();
  await once(probe, 'close');
  return free;
}
