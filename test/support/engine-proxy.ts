import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REAL_SOCKET = '/var/run/docker.sock';
/** A request's first line is in these. */
const HEAD_BYTES = 256;

interface Line {
  readonly client: Socket;
  readonly engine: Socket;
  carriesEvents: boolean;
}

/** A socket that leads to the real engine, and that can be taken away from a server without touching the engine. */
export class EngineProxy {
  readonly path = join(tmpdir(), `codebeaker-engine-${randomBytes(4).toString('hex')}.sock`);
  private readonly lines = new Set<Line>();
  private server: Server | undefined;
  private frozen = false;
  private attachesToBreak = 0;

  get dockerHost(): string {
    return `unix://${this.path}`;
  }

  /** How many attached lines are still to be broken, see {@link breakAttaches}. */
  get unbroken(): number {
    return this.attachesToBreak;
  }

  /** Lets everything through, from the first time on. */
  async restore(): Promise<void> {
    if (this.frozen) for (const line of this.lines) splice(line);
    this.frozen = false;
    if (this.server) return;
    const server = createServer({ allowHalfOpen: true }, (client) => this.accept(client));
    this.server = server;
    server.listen(this.path);
    await once(server, 'listening');
  }

  /** As if the engine had been stopped: every connection breaks, and none can be made. */
  async cut(): Promise<void> {
    const server = this.server;
    this.server = undefined;
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    for (const line of this.lines) destroy(line);
    await closed;
  }

  /** As if the engine hung: connections are accepted and stay open, and not a byte passes. */
  freeze(): void {
    this.frozen = true;
    for (const { client, engine } of this.lines) {
      client.unpipe(engine);
      engine.unpipe(client);
      client.pause();
      engine.pause();
    }
  }

  /** Breaks the stream of events, if there is one now, and nothing else. */
  breakEvents(): void {
    for (const line of this.lines) if (line.carriesEvents) destroy(line);
  }

  /** The next lines to a container break as soon as the engine has agreed to them. */
  breakAttaches(count: number): void {
    this.attachesToBreak = count;
  }

  private accept(client: Socket): void {
    const engine = connect({ path: realSocket(), allowHalfOpen: true });
    const line = { client, engine, carriesEvents: false };
    this.lines.add(line);
    const over = (): void => {
      this.lines.delete(line);
      destroy(line);
    };
    for (const socket of [client, engine]) {
      socket.on('error', over);
      socket.on('close', over);
    }
    if (!this.frozen) splice(line);
    client.on('data', (bytes: Buffer) => {
      const head = bytes.subarray(0, HEAD_BYTES);
      if (head.includes('/events?')) line.carriesEvents = true;
      if (this.attachesToBreak === 0 || !head.includes('/attach?')) return;
      this.attachesToBreak--;
      // Behind the answer, so that the server has it.
      engine.once('data', () => client.write('', () => destroy(line)));
    });
    if (this.frozen) client.pause();
  }
}

function splice({ client, engine }: Line): void {
  client.pipe(engine);
  engine.pipe(client);
}

function destroy({ client, engine }: Line): void {
  client.destroy();
  engine.destroy();
}

function realSocket(): string {
  const host = process.env['DOCKER_HOST'];
  if (host === undefined || host === '') return REAL_SOCKET;
  if (!host.startsWith('unix://')) throw new Error(`these tests need an engine at a unix socket, not at ${host}`);
  return host.slice('unix://'.length);
}
