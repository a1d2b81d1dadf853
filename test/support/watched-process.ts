import type { RpcClient } from './rpc-client.js';

export interface ProcessChunk {
  readonly sessionId: string;
  readonly processId: string;
  readonly seq: number;
  readonly stream: 'stdout' | 'stderr';
  readonly data: string;
  readonly encoding?: 'base64';
  readonly droppedBytes?: number;
}

/** What one connection was told of one process, in the order in which it came. */
export class WatchedProcess {
  constructor(
    readonly client: RpcClient,
    readonly id: string,
  ) {}

  static async start(
    client: RpcClient,
    sessionId: string,
    commandName: string,
    args: string[] = [],
    more: object = {},
  ) {
    const started = await client.call('process.start', { sessionId, commandName, args, ...more });
    return new WatchedProcess(client, started.processId);
  }

  get chunks(): ProcessChunk[] {
    return this.told('process.output').map((params) => params as ProcessChunk);
  }

  get exits(): any[] {
    return this.told('process.exited');
  }

  get droppedBytes(): number {
    return [...this.chunks, ...this.exits].reduce((sum, { droppedBytes = 0 }) => sum + droppedBytes, 0);
  }

  /** What it wrote to a stream as far as this connection knows. */
  bytes(stream: 'stdout' | 'stderr' = 'stdout'): Buffer {
    const own = this.chunks.filter((chunk) => chunk.stream === stream);
    return Buffer.concat(own.map(({ data, encoding }) => Buffer.from(data, encoding ?? 'utf8')));
  }

  get text(): string {
    return this.bytes().toString();
  }

  /** Resolves when it has written this to its stdout. */
  written(text: string | RegExp): Promise<void> {
    const has = (): boolean => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    return this.client.until(has, 60_000);
  }

  /** Resolves with its end as this connection was told of it. */
  async exited(): Promise<any> {
    await this.client.until(() => this.exits.length > 0, 60_000);
    return this.exits[0];
  }

  call(verb: string, more: object = {}): Promise<any> {
    return this.client.call(`process.${verb}`, { processId: this.id, ...more });
  }

  refusal(verb: string, more: object = {}) {
    return this.client.refusal(`process.${verb}`, { processId: this.id, ...more });
  }

  private told(method: string): Record<string, any>[] {
    return (
      this.client.notifications
        .filter(({ method: name, params }) => name === method && params['processId'] === this.id)
        // What has a subscriptionId is a status event of the same name.
        .filter(({ params }) => params['subscriptionId'] === undefined)
        .map(({ params }) => params)
    );
  }
}
