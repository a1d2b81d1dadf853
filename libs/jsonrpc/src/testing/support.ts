import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WebSocket } from 'ws';
import { JsonRpcModule, JsonRpcWsAdapter, type JsonRpcWsOptions } from '../index.js';

/** What specs read of a reply or a notification. */
export interface Message {
  jsonrpc: '2.0';
  id?: string | number | null;
  result?: unknown;
  error?: { code: number; message: string; data: Record<string, unknown> };
  method?: string;
  params?: Record<string, unknown>;
}

export interface Started {
  app: INestApplication;
  adapter: JsonRpcWsAdapter;
  url: string;
  connect(): Promise<Client>;
}

const started: INestApplication[] = [];
const clients: Client[] = [];

/** A real server on a free port of 127.0.0.1; `stopAll()` ends it. */
export async function start(metadata: ModuleMetadata, options: JsonRpcWsOptions = {}): Promise<Started> {
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [JsonRpcModule, ...(metadata.imports ?? [])],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  const adapter = new JsonRpcWsAdapter(app, options);
  app.useWebSocketAdapter(adapter);
  started.push(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}/ws/jsonrpc`;
  return { app, adapter, url, connect: () => Client.connect(url) };
}

/** For `afterEach`: ends what the specs started. */
export async function stopAll(): Promise<void> {
  for (const client of clients.splice(0)) client.socket.terminate();
  await Promise.all(started.splice(0).map((app) => app.close()));
}

/** A bare client: sends anything, and keeps what it hears until somebody asks. */
export class Client {
  readonly heard: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  private asking: ((text: string) => void)[] = [];
  private lastId = 0;

  constructor(readonly socket: WebSocket) {
    clients.push(this);
    socket.on('message', (data: Buffer) => {
      const ask = this.asking.shift();
      if (ask) ask(data.toString());
      else this.heard.push(data.toString());
    });
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }

  static async connect(url: string, options?: object): Promise<Client> {
    const client = new Client(new WebSocket(url, options));
    await once(client.socket, 'open');
    return client;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  /** The next frame, whatever it is. */
  async nextText(): Promise<string> {
    return this.heard.shift() ?? new Promise((resolve) => this.asking.push(resolve));
  }

  async next<T = Message>(): Promise<T> {
    return JSON.parse(await this.nextText()) as T;
  }

  /** Sends and takes the next frame for the reply. */
  async ask<T = Message>(message: unknown): Promise<T> {
    this.send(message);
    return this.next<T>();
  }

  async call(method: string, params?: object): Promise<Message> {
    return this.ask({ jsonrpc: '2.0', id: ++this.lastId, method, params });
  }
}

/** A promise with its ends outside, for handlers and specs to meet. */
export class Signal<T = void> {
  settle!: (value: T) => void;
  readonly happened = new Promise<T>((resolve) => (this.settle = resolve));
}
