import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { IMAGE_TAG } from './images.js';
import { newServerId } from './api.js';
import { ensureBuilt, MAIN } from './built-server.js';
import { eventually } from './eventually.js';
import { containersOf, removeLeftovers, volumesOf } from './leftovers.js';
import { RpcClient } from './rpc-client.js';
import { TestSession } from './test-session.js';

/** Ports that the kernel gives to no connection that leaves (ip_local_port_range), and that `fetch` connects to. */
const LEAST_PORT = 10_081;
const LEAST_EPHEMERAL_PORT = 32_768;

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** One run of the built server, or of another program that was built with it. */
export class Life {
  stdout = '';
  stderr = '';
  readonly exit: Promise<Exit>;

  private constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (text: Buffer) => (this.stdout += text.toString()));
    child.stderr?.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.exit = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  /** With these settings and no other; what it says to whoever starts it is in `stdout` and `stderr`. */
  static async begin(env: Record<string, string>, program: readonly string[] = [MAIN]): Promise<Life> {
    await ensureBuilt();
    const { PATH = '', DOCKER_HOST } = process.env;
    const inherited = { PATH, IMAGE_TAG, ...(DOCKER_HOST === undefined ? {} : { DOCKER_HOST }) };
    const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe'];
    return new Life(spawn(process.execPath, program, { env: { ...inherited, ...env }, stdio }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isOver(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}

/** A server of its own process that may live several times, with the same name, port and containers each time. */
export class ServerProcess {
  readonly serverId = newServerId();
  port = 0;
  client!: RpcClient;
  life!: Life;
  private directory!: string;
  private isEnding = false;

  constructor(private readonly env: Record<string, string>) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get settings(): Record<string, string> {
    return {
      PORT: String(this.port),
      SERVER_ID: this.serverId,
      STATE_DIRECTORY: this.directory,
      LOG_LEVEL: 'warn',
      POOL_SIZE: '0',
      ...this.env,
      ...(this.isEnding ? { POOL_SIZE: '0' } : {}),
    };
  }

  async prepare(): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'codebeaker-e2e-'));
    this.port = await freePort();
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    this.life = await Life.begin(this.settings);
    const live = (): Promise<boolean> =>
      fetch(`${this.url}/health/live`).then(
        (reply) => reply.ok,
        () => false,
      );
    await eventually(
      async () => this.life.isOver || (await live()),
      (settled) => settled,
      'the server answers',
      100_000,
    );
    if (this.life.isOver) throw new Error(`the server ended at its start: ${this.life.stderr}`);
    this.client = await this.connect();
  }

  /** Ends the process and waits until it is gone. */
  async stop(signal: NodeJS.Signals): Promise<Exit> {
    this.life.signal(signal);
    return this.life.exit;
  }

  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  connect(): Promise<RpcClient> {
    return RpcClient.connect(`ws://127.0.0.1:${this.port}/ws/jsonrpc`);
  }

  async session(params: object = {}): Promise<TestSession> {
    return new TestSession(this.client, await this.client.call('session.create', { language: 'python', ...params }));
  }

  /** The same session, spoken to by the present life's client. */
  again({ created }: TestSession): TestSession {
    return new TestSession(this.client, created);
  }

  /** Ends every session and the process. Throws when anything of them is left on the engine. */
  async end(): Promise<void> {
    try {
      // What is made ahead goes with the process, and must not be counted with what was left.
      this.isEnding = true;
      if (!this.life.isOver && this.env['POOL_SIZE'] !== undefined) await this.stop('SIGTERM');
      if (this.life.isOver) await this.start();
      const client = await this.connect();
      const { sessions } = await client.call('session.list', { limit: 1000 });
      await Promise.allSettled(sessions.map(({ sessionId }: any) => client.call('session.close', { sessionId })));
      await eventually(
        async () => [...(await containersOf(this.serverId)), ...(await volumesOf(this.serverId))],
        (left) => left.length === 0,
        'every container and volume of the server is gone',
        90_000,
      );
      await this.stop('SIGTERM');
    } finally {
      if (!this.life.isOver) await this.stop('SIGKILL');
      await removeLeftovers(this.serverId);
      await rm(this.directory, { recursive: true, force: true });
    }
  }
}

/** To be called where the tests of one such server are described; it runs from the first of them on. */
export function useServerProcess(env: Record<string, string> = {}): ServerProcess {
  const server = new ServerProcess(env);
  let started = false;
  beforeAll(async () => {
    await server.prepare();
    await server.start();
    started = true;
  }, 240_000);
  afterAll(async () => {
    if (started) await server.end();
  }, 180_000);
  return server;
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const port = randomInt(LEAST_PORT, LEAST_EPHEMERAL_PORT);
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!isFree) return freePort();
  server.close();
  await once(server, 'close');
  return port;
}
