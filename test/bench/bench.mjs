// Speed as ratios, all measured in one run against one container: npm run bench
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import Docker from 'dockerode';

import { BenchClient } from './client.mjs';
import { compareContexts } from './contexts.mjs';
import { measure, ms, ratio, table } from './measure.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 200);
const EXEC_ROUNDS = Math.max(20, Math.floor(ROUNDS / 4));
const CREATE_ROUNDS = 10;
const CONCURRENT = 200;
const FILE_MB = 100;
const CHUNK_BYTES = 1024 * 1024;
const SMALL_FILE = 'x = 10\nprint(x * 2)\n';

const docker = new Docker();
const port = await freePort();
const serverId = `cbbench-${randomBytes(4).toString('hex')}`;
const server = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
  env: { ...process.env, PORT: String(port), SERVER_ID: serverId, LOG_LEVEL: 'warn', POOL_SIZE: '0' },
  stdio: ['ignore', 'inherit', 'inherit'],
});

try {
  const client = await BenchClient.connect(`ws://127.0.0.1:${port}/ws/jsonrpc`);
  const session = await client.call('session.create', { language: 'python' });
  const container = docker.getContainer(session.containerId);
  console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${ROUNDS} rounds\n`);
  await compareCommands(client, session.sessionId, container);
  await compareContexts(client, ROUNDS);
  await compareCreate(client);
  await concurrentExecutes(client, session.sessionId);
  await largeFile(client, session.sessionId);
  await client.call('session.close', { sessionId: session.sessionId });
  client.close();
} finally {
  server.kill('SIGTERM');
  await once(server, 'exit');
  // A round that failed leaves its session, which would outlive the server.
  for (const { Id } of await docker.listContainers({ all: true, filters: { label: [`codebeaker=${serverId}`] } })) {
    await docker.getContainer(Id).remove({ force: true, v: true });
  }
}

async function compareCommands(client, sessionId, container) {
  const execute = (command) => client.call('session.execute', { sessionId, command });
  const shell = (commandName, args = []) => execute({ type: 'execute_shell', commandName, args });
  const file = join(tmpdir(), `codebeaker-bench-${process.pid}`);
  const cases = [
    {
      name: '/bin/true',
      ours: async () => expectSuccess(await shell('/bin/true')),
      exec: () => dockerExec(container, ['/bin/true']),
      bare: () => bareSpawn('/bin/true', []),
    },
    {
      name: "python3 -c 'print(1)'",
      ours: async () => expectSuccess(await shell('python3', ['-c', 'print(1)'])),
      exec: () => dockerExec(container, ['python3', '-c', 'print(1)']),
      bare: () => bareSpawn('python3', ['-c', 'print(1)']),
    },
    {
      name: 'write_file (docker exec: tee)',
      ours: async () => expectSuccess(await execute({ type: 'write_file', path: 'bench.py', content: SMALL_FILE })),
      exec: () => dockerExec(container, ['tee', '/workspace/bench.py'], SMALL_FILE),
      bare: () => writeFile(file, SMALL_FILE),
    },
  ];
  const rows = [['', 'ours p50', 'p95', 'exec by API p50', 'p95', 'bare p50', 'p95', 'sooner than exec', 'of bare']];
  for (const { name, ours, exec, bare } of cases) {
    const [a, b, c] = await measure([ours, exec, bare], [ROUNDS, EXEC_ROUNDS, ROUNDS]);
    rows.push([
      name,
      ms(a.p50),
      ms(a.p95),
      ms(b.p50),
      ms(b.p95),
      ms(c.p50),
      ms(c.p95),
      ratio(b.p50, a.p50),
      ratio(a.p50, c.p50),
    ]);
  }
  await rm(file, { force: true });
  table(rows);
  await compareTypedExec(cases[0].ours, container);
}

/** The same as a shell script or a subprocess does it: with the engine's client, which has to be started each time. */
async function compareTypedExec(ours, container) {
  const typed = () => promisify(execFile)('docker', ['exec', '--user', '10001', container.id, '/bin/true']);
  const missing = await typed().then(
    () => undefined,
    (error) => error.message,
  );
  if (missing !== undefined) {
    console.log(`docker exec was not compared as typed: ${missing}\n`);
    return;
  }
  const [a, b] = await measure([ours, typed], [ROUNDS, EXEC_ROUNDS]);
  table([
    ['', 'ours p50', 'p95', 'docker exec as typed p50', 'p95', 'sooner than exec'],
    ['/bin/true', ms(a.p50), ms(a.p95), ms(b.p50), ms(b.p95), ratio(b.p50, a.p50)],
  ]);
}

async function compareCreate(client) {
  const closing = [];
  const ours = async () => {
    const { sessionId } = await client.call('session.create', { language: 'python' });
    closing.push(sessionId);
  };
  const bare = async () => {
    const container = await docker.createContainer({
      Image: `codebeaker-python:${process.env.IMAGE_TAG ?? 'latest'}`,
      Cmd: ['sleep', '60'],
      Labels: { codebeaker: serverId },
      HostConfig: { NetworkMode: 'none', AutoRemove: true },
    });
    await container.start();
    closing.push(container);
  };
  const clear = async () => {
    for (const made of closing.splice(0)) {
      if (typeof made === 'string') await client.call('session.close', { sessionId: made });
      else await made.remove({ force: true });
    }
  };
  const [a, b] = await measure([ours, bare], [CREATE_ROUNDS, CREATE_ROUNDS], clear);
  table([
    ['', 'ours p50', 'p95', 'docker create + start p50', 'p95', 'of bare'],
    ['session.create, no pool', ms(a.p50), ms(a.p95), ms(b.p50), ms(b.p95), ratio(a.p50, b.p50)],
  ]);
}

async function concurrentExecutes(client, sessionId) {
  const command = { type: 'execute_shell', commandName: '/bin/true' };
  const startedAt = performance.now();
  const results = await Promise.all(
    Array.from({ length: CONCURRENT }, () => client.call('session.execute', { sessionId, command })),
  );
  const tookMs = performance.now() - startedAt;
  const bareStartedAt = performance.now();
  await Promise.all(Array.from({ length: CONCURRENT }, () => bareSpawn('/bin/true', [])));
  const bareMs = performance.now() - bareStartedAt;
  const right = results.filter(({ success }) => success).length;
  table([
    ['', 'ours', 'bare spawns', 'of bare', 'succeeded'],
    [`${CONCURRENT} concurrent /bin/true`, ms(tookMs), ms(bareMs), ratio(tookMs, bareMs), `${right} of ${CONCURRENT}`],
  ]);
}

async function largeFile(client, sessionId) {
  const execute = async (command) => expectSuccess(await client.call('session.execute', { sessionId, command }));
  const content = randomBytes(CHUNK_BYTES).toString('base64');
  const chunks = (FILE_MB * 1024 * 1024) / CHUNK_BYTES;
  const write = (index) =>
    execute({
      type: 'write_file',
      path: 'large',
      content,
      encoding: 'base64',
      mode: index === 0 ? 'Create' : 'Append',
    });
  const read = (index) =>
    execute({ type: 'read_file', path: 'large', encoding: 'base64', offset: index * CHUNK_BYTES, length: CHUNK_BYTES });
  // One chunk each way first: buffers that a server keeps for its first large frame are not growth.
  await write(0);
  await read(0);
  const before = await residentMB();
  let peak = before;
  const startedAt = performance.now();
  for (let index = 0; index < chunks; index++) {
    await write(index);
    peak = Math.max(peak, await residentMB());
  }
  const writtenAt = performance.now();
  for (let index = 0; index < chunks; index++) {
    const { result } = await read(index);
    if (result.content !== content) throw new Error('a chunk was read otherwise than it was written');
    peak = Math.max(peak, await residentMB());
  }
  const rate = (from, to) => `${Math.round(FILE_MB / ((to - from) / 1000))} MB/s`;
  table([
    ['', 'write', 'read', "server's memory before", 'peak', 'growth'],
    [
      `${FILE_MB} MB in ranges`,
      rate(startedAt, writtenAt),
      rate(writtenAt, performance.now()),
      `${Math.round(before)} MiB`,
      `${Math.round(peak)} MiB`,
      `${Math.round(peak - before)} MiB`,
    ],
  ]);
}

function expectSuccess(outcome) {
  if (!outcome.success) throw new Error(outcome.error);
  return outcome;
}

/** As the C# original runs a command: create, start, read to the end, inspect. */
async function dockerExec(container, Cmd, stdin) {
  const exec = await container.exec({
    Cmd,
    User: '10001',
    AttachStdin: stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({ hijack: true, stdin: stdin !== undefined });
  stream.resume();
  if (stdin !== undefined) stream.end(stdin);
  await once(stream, 'end');
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`docker exec ended with ${ExitCode}`);
}

async function bareSpawn(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

async function residentMB() {
  const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address();
  probe.close();
  await once(probe, 'close');
  return free;
}
