import type { IncomingHttpHeaders } from 'node:http';

/** How a connection ended: the WebSocket close code (1006 without a close frame) and reason. */
export interface RpcClose {
  code: number;
  reason: string;
}

/** One client's socket. Lives as long as the socket does; a reconnecting client gets a new one. */
export abstract class RpcConnection {
  /** Unique in this process, opaque. */
  abstract readonly id: string;
  /** The peer of the TCP connection; behind a proxy that is the proxy. */
  abstract readonly remoteAddress: string | undefined;
  /** Headers of the upgrade request. */
  abstract readonly headers: IncomingHttpHeaders;
  /** Path and query of the upgrade request. */
  abstract readonly url: string;
  /** What `verifyClient` found out at the upgrade, and whatever guards and handlers want to remember. */
  abstract readonly state: Map<string, unknown>;
  /** Aborted when the socket has closed. */
  abstract readonly closed: AbortSignal;
  /** Bytes handed to the socket that the kernel has not taken yet. */
  abstract readonly bufferedBytes: number;

  /**
   * Sends a notification. The message is on its way, in order, when the call returns; the promise resolves when the
   * socket has room for the next one, so that `await notify()` in a loop runs at the speed of the client.
   * Rejects with {@link RpcConnectionClosedError} when the socket is or gets closed, and with a TypeError when `params`
   * is not JSON. A promise that nobody awaits does no harm to the process, but does not slow its sender down either.
   */
  abstract notify(method: string, params?: object): Promise<void>;

  /** Calls `listener` once when the socket has closed, at once if it already has. Returns the unsubscribe function. */
  abstract onClose(listener: (close: RpcClose) => void): () => void;

  /** Starts the closing handshake: what was sent before still arrives. `reason` is at most 123 bytes. */
  abstract close(code?: number, reason?: string): void;
}

/** The socket closed before a notification could be sent. */
export class RpcConnectionClosedError extends Error {
  constructor() {
    super('The connection is closed');
    this.name = 'RpcConnectionClosedError';
  }
}
