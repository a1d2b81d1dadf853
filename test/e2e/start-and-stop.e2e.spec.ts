import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { newServerId } from '../support/api.js';
import { MAIN } from '../support/built-server.js';
import { EngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/eventually.js';
import { docker } from '../support/leftovers.js';
import { Lives } from '../support/lives.js';
import { ENDLESS, fixed } from '../support/restarts.js';
import { RpcRefusal } from '../support/rpc-client.js';
import { Life, useServerProcess } from '../support/server-process.js';
import { written } from '../support/streamed.js';

/** Several times what it takes when it waits for all that it waits for. */
const STOPS_WITHIN_MS = 30_000;
const STARTS_WITHIN_MS = 60_000;

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

/** Each is refused by its own rule, which config.spec.ts tries one by one. */
const WRONG = {
  PORT: '70000',
  LOG_LEVEL: 'loud',
  ALLOWED_ORIGINS: 'foo',
  IMAGE_TAG: 'bad tag!',
  POOL_LANGUAGES: 'cobol',
  MAX_SESSIONS: '0',
  MAX_MEMORY_MB: '1.5',
  MAX_PIDS: 'many',
  DISK_LIMIT: 'none',
  DOCKER_HOST: 'docker.sock',
  SERVER_ID: 'two words',
  CLEAN_UP_CRON: '99 * * * * *',
};
const CERT_FILE = { TLS_CERT_FILE: '/nowhere/cert.pem' };
const KEY_FILE = { TLS_KEY_FILE: '/nowhere/key.pem' };

describe('a server with wrong settings', () => {
  async function refusal(env: Record<string, string>): Promise<string> {
    const life = await Life.begin({ PORT: '0', SERVER_ID: newServerId(), ...env });
    const late = setTimeout(() => life.signal('SIGKILL'), STARTS_WITHIN_MS);
    expect(await life.exit).toEqual({ code: 1, signal: null });
    clearTimeout(late);
    return life.stderr;
  }

  it('does not start, and names all of them', async () => {
    const said = await refusal(WRONG);
    for (const name of Object.keys(WRONG)) expect(said).toContain(name);
    expect(said).not.toMatch(/^\s+at /m);
  });

  it('does not start with one half of what TLS needs, and names the other', async () => {
    expect(await refusal(CERT_FILE)).toContain('TLS_KEY_FILE');
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ['a certificate', { ...CERT_FILE, ...KEY_FILE }, /TLS_CERT_FILE=\/nowhere\/cert\.pem: .*no such file/],
    ['a key', { TLS_CERT_FILE: MAIN, ...KEY_FILE }, /TLS_KEY_FILE=\/nowhere\/key\.pem: .*no such file/],
    ['a log file', { LOG_FILE: '/nowhere/server.log' }, /LOG_FILE=\/nowhere\/server\.log: .*no such file/],
    ['the log file of a path', { LOG_FILE: `${MAIN}/server.log` }, /LOG_FILE=.*not a directory/],
    ['a file by the name of a directory', { LOG_FILE: '/' }, /LOG_FILE=\/: is a directory; name a file in it/],
    ['a PEM file', { TLS_CERT_FILE: MAIN, TLS_KEY_FILE: MAIN }, /TLS_CERT_FILE=.*: must be a PEM file/],
    ['a runtime', { OCI_RUNTIME: 'nope' }, /OCI_RUNTIME=nope: must be a runtime that the engine has: .*runc/],
  ])('does not start where there is no such thing as %s, and says so in one line', async (_what, env, expected) => {
    const said = await refusal({ TLS_PORT: '0', ...env });

    expect(said).toMatch(expected);
    expect(said.trim().split('\n')).toHaveLength(2);
    expect(existsSync('/nowhere')).toBe(false);
  });
});

describe('a server whose engine does not answer yet', () => {
  const engine = new EngineProxy();
  const lives = new Lives(() => ({ SERVER_ID: newServerId(), DOCKER_HOST: engine.dockerHost, POOL_SIZE: '0' }));
  afterEach(() => lives.end());
  beforeAll(() => engine.restore());
  afterAll(() => engine.cut());

  it('ends when the engine is there and has no such runtime as OCI_RUNTIME', async () => {
    await engine.cut();
    const life = await lives.start({ OCI_RUNTIME: 'nope' });
    expect(life.isOver).toBe(false);
    await engine.restore();

    expect(await life.exit).toEqual({ code: 1, signal: null });
    expect(life.stderr).toContain('OCI_RUNTIME=nope');
  });
});
