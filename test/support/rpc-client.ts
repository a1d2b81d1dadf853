import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface RpcFailure {
  readonly code: number;
  readonly message: string;
  readonly data: Record<string, any>;
}

/** What a refused call rejects with: the error object as it came. */
export class RpcRefusal extends Error implements RpcFailure {
  readonly code: number;
  readonly data: Record<string, any>;

  constructor(failure: RpcFailure) {
    super(failure.message);
    this.code = failure.code;
    this.data = failure.data;
  }
}

export interface Notification {
  readonly method: string;
  readonly params: Record<string, any>;
}

/** A plain JSON-RPC client over a real socket. */
export class RpcClient {
  readonly notifications: Notification[] = [];
  private readonly pending = new Map<number | string, { resolve(value: any): void; reject(error: Error): void }>();
  private readonly listeners = new Set<() => void>();
  private readonly replies: any[] = [];
  private nextId = 1;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.receive(JSON.parse(data.toString())));
    socket.on('close', () => {
      for (const { reject } of this.pending.values()) reject(new Error('the socket closed'));
      this.pending.clear();
    });
    socket.on('error', () => undefined);
  }

  static async connect(url: string): Promise<RpcClient> {
    const client = new RpcClient(new WebSocket(url));
    await once(client.socket, 'open');
    return client;
  }

  /** Sends a request; the id is there at once, for cancelling. */
  send(method: string, params: object = {}): { id: number; result: Promise<any> } {
    const id = this.nextId++;
    const result = new Promise<any>((resolve, reject) => this.pending.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return { id, result };
  }

  call(method: string, params: object = {}): Promise<any> {
    return this.send(method, params).result;
  }

  /** The refusal of a call that must be refused. */
  async refusal(method: string, params: object = {}): Promise<RpcFailure> {
    try {
      const result = await this.call(method, params);
      throw new Error(`${method} was not refused: ${JSON.stringify(result)}`);
    } catch (error) {
      if (error instanceof RpcRefusal) return error;
      throw error;
    }
  }

  execute(sessionId: string, command: object, more: object = {}): Promise<any> {
    return this.call('session.execute', { sessionId, command, ...more });
  }

  notify(method: string, params: object): void {
    this.socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
  }

  /** Sends a frame as it is and gives the next frame that answers no request of `call`. */
  async raw(frame: string | Buffer): Promise<any> {
    this.socket.send(frame);
    await this.until(() => this.replies.length > 0);
    return this.replies.shift();
  }

  /** Resolves when `condition` holds, asked again at every frame. */
  async until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.listeners.delete(check);
        reject(new Error('what was waited for did not come'));
      }, timeoutMs);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.listeners.delete(check);
        resolve();
      };
      this.listeners.add(check);
    });
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close();
    await once(this.socket, 'close');
  }

  private receive(frame: any): void {
    const pending = this.pending.get(frame.id);
    if (frame.method !== undefined) this.notifications.push(frame);
    else if (pending && !Array.isArray(frame)) {
      this.pending.delete(frame.id);
      if (frame.error) pending.reject(new RpcRefusal(frame.error));
      else pending.resolve(frame.result);
    } else this.replies.push(frame);
    for (const listener of this.listeners) listener();
  }
}
