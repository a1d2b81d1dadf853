import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { imageOf } from '../support/images.js';
import { newServerId } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { containersOf, docker } from '../support/leftovers.js';
import { RpcRefusal } from '../support/rpc-client.js';
import { Life, useServerProcess } from '../support/server-process.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const EVERY_SECOND = '*/1 * * * * *';
/** How long a change may take until a server that is killed has told it to the sandbox, with room for a slow machine. */
const TOLD_AFTER_MS = 3_000;
/** A container of nobody may be one that is just being made, so for a minute it is left alone. */
const ORPHANS_GONE_MS = 150_000;
/** Several times what it takes when it waits for all that it waits for. */
const STOPS_WITHIN_MS = 30_000;

/** Leaves two processes behind, says `up`, and never ends. */
const ENDLESS = { commandName: 'sh', args: ['-c', 'sleep 3600 & setsid sleep 3601 & echo up; wait'] };

describe('a server that is killed and started again', () => {
  const server = useServerProcess({ CLEAN_UP_CRON: EVERY_SECOND, MAX_FRAME_BYTES: String(64 * MIB) });
  const list = async (): Promise<any[]> => (await server.client.call('session.list', { limit: 1000 })).sessions;
  const view = async ({ id }: TestSession): Promise<any> =>
    (await list()).find(({ sessionId }: any) => sessionId === id);

  afterEach(async () => {
    for (const { sessionId } of await list()) await server.client.call('session.close', { sessionId });
  });

  it('has all its sessions again as they were, with their files', async () => {
    const one = await server.session({
      language: 'py',
      name: 'the first',
      labels: { team: 'blue', kind: 'a' },
      env: { GREETING: 'still here' },
      memoryLimitMB: 200,
      cpuLimit: 0.5,
      pidsLimit: 64,
      diskLimitMB: 64,
      idleTimeoutMinutes: 11,
      maxLifetimeMinutes: 77,
    });
    const other = await server.session({ language: 'nodejs' });
    await server.client.call('session.extend', { sessionId: one.id, idleTimeoutMinutes: 22 });
    await one.ok('write_file', { path: 'kept/file.txt', content: 'kept: ✓' });
    const startedAt = performance.now();
    while (performance.now() - startedAt < TOLD_AFTER_MS) await one.sh('echo more >> kept/log');
    const log = await one.sh('cat kept/log');
    const before = await list();
    const { State } = await docker().getContainer(one.containerId).inspect();

    await server.restart('SIGKILL');

    const after = await list();
    expect(after.map(fixed)).toEqual(before.map(fixed));
    expect(after.map(({ sessionId }: any) => sessionId)).toEqual([one.id, other.id]);
    expect(await docker().getContainer(one.containerId).inspect()).toMatchObject({
      State: { Pid: State.Pid, StartedAt: State.StartedAt },
    });
    const [then, now] = [before[0], after[0]];
    expect(now.config.idleTimeoutMinutes).toBe(22);
    expect(now.executionCount).toBeGreaterThan(0);
    expect(now.executionCount).toBeLessThanOrEqual(then.executionCount);
    expect(Date.parse(now.lastActivity)).toBeLessThanOrEqual(Date.parse(then.lastActivity));
    expect(Date.parse(now.lastActivity)).toBeGreaterThan(Date.parse(then.createdAt));

    const again = server.again(one);
    expect(await again.ok('read_file', { path: 'kept/file.txt' })).toMatchObject({ content: 'kept: ✓' });
    expect(await again.sh('cat kept/log')).toBe(log);
    expect(await again.sh('echo "$GREETING"')).toBe('still here\n');
    expect(await again.ok('execute_code', { code: 'print(6 * 7)' })).toMatchObject({ stdout: '42\n' });
    expect(await server.again(other).ok('execute_code', { code: 'console.log(6 * 7)' })).toMatchObject({
      stdout: '42\n',
    });
    expect((await view(one)).executionCount).toBe(now.executionCount + 4);
  });

  it('ends what ran when it died, with all that it had started', async () => {
    const session = await server.session();
    const running = session.stream('execute_shell', ENDLESS);
    await written(server.client, running.id, 'up');
    expect((await session.programs()).filter((program) => program.startsWith('sleep'))).toHaveLength(2);

    await server.restart('SIGKILL');

    await expect(running.result).rejects.toThrow('the socket closed');
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'nothing runs in the container',
    );
    expect(await view(session)).toMatchObject({ state: 'Idle' });
    expect(await server.again(session).sh('echo fine')).toBe('fine\n');
  });

  it('leaves a large file that it was writing old or absent, and confuses nobody by the half of it', async () => {
    const session = await server.session({ diskLimitMB: 256 });
    let interrupted = 0;
    for (let round = 0; round < 10 && interrupted < 2; round++) {
      const now = server.again(session);
      const path = round % 2 === 0 ? 'replaced' : `new-${round}`;
      await now.ok('write_file', { path: 'replaced', content: 'old' });
      const content = `${round}`.repeat(32 * MIB);
      const watching = now.stream('execute_shell', { commandName: 'python3', args: ['-c', WATCH] });
      await written(server.client, watching.id, 'watching');
      const writing = server.client.send('session.execute', {
        sessionId: session.id,
        command: { type: 'write_file', path, content },
      });
      let isWritten = false;
      const outcome = writing.result.then(
        () => (isWritten = true),
        () => undefined,
      );
      await Promise.race([written(server.client, watching.id, 'begun'), outcome]);
      await server.restart('SIGKILL');
      await outcome;

      const files = await contents(server.again(session));
      const whole = `${32 * MIB} ${round}`;
      if (path === 'replaced') expect(['3 old', whole]).toContain(files['replaced']);
      else expect([undefined, whole]).toContain(files[path]);
      if (files[path] !== whole) interrupted++;
      expect(isWritten && files[path] !== whole).toBe(false);
      // Nothing of the unfinished one is left under any other name.
      expect(Object.keys(files).filter((name) => name !== 'replaced' && name !== path)).toEqual([]);
      if (path !== 'replaced' && files[path] !== undefined) await server.again(session).ok('delete_file', { path });
    }
    expect(interrupted).toBe(2);
    const after = server.again(session);
    await after.ok('write_file', { path: 'replaced', content: 'x'.repeat(3 * MIB) });
    expect(await after.sh('wc -c < replaced')).toBe(`${3 * MIB}\n`);
  });

  it('removes the containers that belong to no session, and touches no other server’s', async () => {
    const session = await server.session();
    const { Mounts } = await docker().getContainer(session.containerId).inspect();
    const agent = Mounts.find(({ Destination }) => Destination === '/codebeaker')!.Name!;
    const strangers = newServerId();
    const make = async (label: string, entrypoint: string[]): Promise<string> => {
      const { id } = await docker().createContainer({
        Image: imageOf('python'),
        User: '0:0',
        Entrypoint: entrypoint,
        Labels: { codebeaker: label, 'codebeaker.language': 'python' },
        OpenStdin: true,
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [{ Type: 'volume', Source: agent, Target: '/codebeaker', ReadOnly: true }],
        },
      });
      return id;
    };
    const neverStarted = await make(server.serverId, ['/codebeaker/agent']);
    const unclaimed = await make(server.serverId, ['/codebeaker/agent']);
    const withoutAgent = await make(server.serverId, ['sleep', '3600']);
    const anothers = await make(strangers, ['/codebeaker/agent']);
    try {
      for (const id of [unclaimed, withoutAgent, anothers]) await docker().getContainer(id).start();
      await server.restart('SIGKILL');
      const left = async (): Promise<string[]> => (await containersOf(server.serverId)).map(({ Id }) => Id);
      await eventually(
        left,
        (ids) => !ids.includes(neverStarted) && !ids.includes(unclaimed),
        'those that were never started or never claimed are gone',
      );
      await eventually(left, (ids) => !ids.includes(withoutAgent), 'the one without an agent is gone', ORPHANS_GONE_MS);
      expect(await left()).toEqual([session.containerId]);
      expect((await list()).map(({ sessionId }: any) => sessionId)).toEqual([session.id]);
      expect(await server.again(session).sh('echo fine')).toBe('fine\n');
      expect(await docker().getContainer(anothers).inspect()).toMatchObject({ State: { Running: true } });
    } finally {
      for (const id of [neverStarted, unclaimed, withoutAgent, anothers]) {
        await docker()
          .getContainer(id)
          .remove({ force: true, v: true })
          .catch(() => undefined);
      }
    }
  }, 240_000);

  it('keeps no container of a run without a session', async () => {
    await server.client.call('execution.run', {
      language: 'python',
      code: 'import time; time.sleep(3600)',
      async: true,
    });
    await eventually(
      () => containersOf(server.serverId),
      (containers) => containers.some(({ State }) => State === 'running'),
      'the container of the run is there',
    );
    await server.restart('SIGKILL');
    await eventually(
      () => containersOf(server.serverId),
      (containers) => containers.length === 0,
      'the container of the run is gone',
      ORPHANS_GONE_MS,
    );
  }, 240_000);

  it('has a working session for every container, whatever was being made or closed when it died', async () => {
    const made = await Promise.all([1, 2, 3].map(() => server.session()));
    const storm = [
      ...Array.from({ length: 6 }, () => server.session()),
      ...made.slice(1).map((session) => session.close()),
      made[0]!.run('sleep', ['3600']),
    ].map((promise) => promise.catch(() => undefined));
    await Promise.race(storm);
    await server.restart('SIGKILL');
    await Promise.all(storm);
    await eventually(
      async () => [(await containersOf(server.serverId)).map(({ Id }) => Id).sort(), await containersInList()],
      ([containers, sessions]) => JSON.stringify(containers) === JSON.stringify(sessions),
      'containers and sessions are the same again',
      ORPHANS_GONE_MS,
    );
    const { sessions } = await server.client.call('session.list', {});
    for (const { sessionId } of sessions) {
      expect(await server.client.execute(sessionId, { type: 'execute_shell', commandName: 'true' })).toMatchObject({
        success: true,
      });
    }
    // Its disk is the first that this life makes: what the one before left half made must not be in its way.
    expect(await (await server.session()).sh('echo fine')).toBe('fine\n');
  }, 240_000);

  async function containersInList(): Promise<string[]> {
    const ids: string[] = (await list()).map(({ containerId }: any) => containerId);
    return ids.sort();
  }
});

describe('a server that is asked to stop', () => {
  const server = useServerProcess({});

  it('answers or lets go of whoever waits, ends in time, and has its sessions again', async () => {
    const session = await server.session({ labels: { kind: 'stopped' }, name: 'stopped' });
    for (let n = 0; n < 5; n++) await session.sh('echo more >> log');
    const running = session.stream('execute_shell', ENDLESS);
    await written(server.client, running.id, 'up');
    const { executionCount, ...before } = await server.client.call('session.get', { sessionId: session.id });
    const closed = once(server.client.socket, 'close');
    const outcome = Promise.allSettled([running.result]);

    const startedAt = performance.now();
    const exit = await server.stop('SIGTERM');
    const took = performance.now() - startedAt;

    expect(exit.code === 0 || exit.signal === 'SIGTERM' || exit.code === 143).toBe(true);
    expect(took).toBeLessThan(STOPS_WITHIN_MS);
    const [code] = await closed;
    expect(code).toBe(1001);
    const [killed] = await outcome;
    if (killed.status === 'fulfilled') expect(killed.value.success).toBe(false);
    else if (killed.reason instanceof RpcRefusal) expect(killed.reason.code).toBeLessThan(0);
    else expect(killed.reason).toMatchObject({ message: 'the socket closed' });
    expect(await docker().getContainer(session.containerId).inspect()).toMatchObject({ State: { Running: true } });

    await server.start();
    const after = await server.client.call('session.get', { sessionId: session.id });
    expect(fixed(after)).toEqual(fixed(before));
    expect(after.executionCount).toBe(executionCount);
    const again = server.again(session);
    expect(await again.sh('wc -l < log')).toBe('5\n');
    await eventually(
      () => again.programs(),
      (programs) => programs.length === 0,
      'nothing runs in the container',
    );
  });

  it('is not kept by connections that never sent a request, nor by half a one', async () => {
    const silent = [connect(server.port, '127.0.0.1'), connect(server.port, '127.0.0.1')];
    for (const socket of silent) {
      socket.on('error', () => undefined);
      await once(socket, 'connect');
    }
    silent[1]?.write('GET /health/live HTTP/1.1\r\nHost: ');
    // Answered behind them: the server has accepted both by now.
    await fetch(`${server.url}/health/live`);

    const late = setTimeout(() => server.life.signal('SIGKILL'), STOPS_WITHIN_MS);
    const exit = await server.stop('SIGTERM');
    clearTimeout(late);
    for (const socket of silent) socket.destroy();

    expect(exit.signal).not.toBe('SIGKILL');
  });
});

const WRONG: { env: Record<string, string>; names: string[] }[] = [
  { env: { PORT: 'abc' }, names: ['PORT'] },
  { env: { PORT: '70000' }, names: ['PORT'] },
  { env: { LOG_LEVEL: 'loud' }, names: ['LOG_LEVEL'] },
  { env: { TLS_CERT_FILE: '/tmp/cert.pem' }, names: ['TLS_CERT_FILE', 'TLS_KEY_FILE'] },
  { env: { TLS_KEY_FILE: '/tmp/key.pem' }, names: ['TLS_CERT_FILE', 'TLS_KEY_FILE'] },
  { env: { MAX_SESSIONS: '0' }, names: ['MAX_SESSIONS'] },
  { env: { MAX_MEMORY_MB: '1.5' }, names: ['MAX_MEMORY_MB'] },
  { env: { DISK_LIMIT: 'none' }, names: ['DISK_LIMIT'] },
  { env: { DOCKER_HOST: 'docker.sock' }, names: ['DOCKER_HOST'] },
  { env: { SERVER_ID: 'two words' }, names: ['SERVER_ID'] },
  { env: { CLEAN_UP_CRON: 'often' }, names: ['CLEAN_UP_CRON'] },
  { env: { CLEAN_UP_CRON: '99 * * * * *' }, names: ['CLEAN_UP_CRON'] },
  { env: { PORT: 'abc', MAX_PIDS: 'many' }, names: ['PORT', 'MAX_PIDS'] },
];

describe('a server with a wrong setting', () => {
  it.each(WRONG)('does not start with $env, and says what is wrong', async ({ env, names }) => {
    const life = await Life.begin({ PORT: '0', SERVER_ID: newServerId(), ...env });
    const late = setTimeout(() => life.signal('SIGKILL'), 60_000);
    expect(await life.exit).toEqual({ code: 1, signal: null });
    clearTimeout(late);
    for (const name of names) expect(life.stderr).toContain(name);
    expect(life.stderr).not.toMatch(/^\s+at /m);
  });

  it('does not start where a certificate cannot be read, and names the file', async () => {
    const missing = '/nowhere/cert.pem';
    const life = await Life.begin({
      PORT: '0',
      SERVER_ID: newServerId(),
      TLS_CERT_FILE: missing,
      TLS_KEY_FILE: '/nowhere/key.pem',
      TLS_PORT: '0',
    });
    const late = setTimeout(() => life.signal('SIGKILL'), 60_000);
    expect(await life.exit).toEqual({ code: 1, signal: null });
    clearTimeout(late);
    expect(life.stderr).toMatch(/\/nowhere\/(cert|key)\.pem/);
  });
});

describe('the log of a server', () => {
  let directory: string;
  const file = (): string => join(directory, 'logs', 'server.log');
  const env: Record<string, string> = { LOG_LEVEL: 'debug', LOG_FILE: '' };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-log-'));
    env['LOG_FILE'] = file();
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const server = useServerProcess(env);

  const MARKS = ['code', 'file', 'stdin', 'argument', 'environment', 'output', 'failure', 'base64'];
  const mark = (of: string): string => `sEcReT-${of}-7f3a`;

  it('has a JSON object in every line, with the ids of session and request, and never code or content', async () => {
    const session = await server.session({ env: { SECRET: mark('environment') } });
    const sent = server.client.send('session.execute', {
      sessionId: session.id,
      command: { type: 'execute_code', code: `print('${mark('code')}'.replace('code', 'output'))` },
    });
    await sent.result;
    await session.ok('write_file', { path: 'a', content: mark('file') });
    const base64 = Buffer.from(mark('base64')).toString('base64');
    await session.ok('write_file', { path: 'b', content: base64, encoding: 'base64' });
    await session.ok('read_file', { path: 'a' });
    await session.run('cat', [mark('argument')], { stdin: mark('stdin') });
    await session.run('sh', ['-c', `echo ${mark('failure')} >&2; exit 3`]);
    await session.run('no-such-program', [mark('argument')]);
    await session.do('write_file', { path: '/proc/nowhere', content: mark('file') });
    await session.do('write_file', { path: 'c', content: `*${mark('base64')}`, encoding: 'base64' });
    await session.run('sleep', ['3600'], { timeoutMs: 50, stdin: mark('stdin') });
    await session.run('cat', [mark('argument').repeat(20_000)]).catch(() => undefined);
    await server.client.call('execution.run', { language: 'python', code: `'${mark('code')}'`, stdin: mark('stdin') });
    await session.do('execute_code', { code: mark('code'), language: 'cobol' });
    const wrong = { sessionId: session.id, command: { type: 'execute_code', code: [mark('code')] } };
    await server.client.refusal('session.execute', wrong);
    await session.close();
    await server.stop('SIGTERM');

    const logged = await everythingIn(join(directory, 'logs'));
    const lines = server.life.stdout.trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line));
    for (const entry of entries) {
      expect(entry).toMatchObject({ level: expect.any(String), time: expect.any(String), message: expect.any(String) });
    }
    const own = entries.filter(({ sessionId, requestId }) => sessionId === session.id && requestId === sent.id);
    expect(own.length).toBeGreaterThan(0);
    expect(own[0]).toMatchObject({ method: 'session.execute', connectionId: expect.any(String) });
    for (const text of [server.life.stdout, server.life.stderr, logged]) {
      for (const of of MARKS) expect(text).not.toContain(mark(of));
      expect(text).not.toContain(base64);
    }
    // The file has what stdout has.
    expect(
      logged
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(entries);
  });
});

/** Says when a name comes up in /workspace that was not there. */
const WATCH = `
import os
seen = set(os.listdir('/workspace'))
print('watching', flush=True)
while set(os.listdir('/workspace')) <= seen:
    pass
print('begun', flush=True)
`;

/** Size and distinct characters of every file, by name; three characters and the text of a short one. */
async function contents(session: TestSession): Promise<Record<string, string>> {
  const code = `
import json, os
def told(name):
    data = open('/workspace/' + name).read()
    return f'{len(data)} ' + (data if len(data) < 100 else ''.join(sorted(set(data))))
print(json.dumps({name: told(name) for name in os.listdir('/workspace')}))
`;
  return JSON.parse(await session.python(code));
}

/** What of a session may not change by itself. */
function fixed({ sessionId, containerId, language, createdAt, labels, name, config }: any): object {
  return { sessionId, containerId, language, createdAt, labels, name, config };
}

async function everythingIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}
