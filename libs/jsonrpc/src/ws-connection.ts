import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import { WebSocket } from 'ws';
import type { JsonRpcLimits } from './options.js';
import { RpcConnection, RpcConnectionClosedError, type RpcClose } from './rpc-connection.js';

type FlowLimits = Pick<JsonRpcLimits, 'highWaterMarkBytes' | 'maxBufferedBytes'>;
type Waiter = { resolve: () => void; reject: (error: Error) => void };

/**
 * `notify()` keeps unsent bytes near the mark, but replies and pongs go out whenever they are due. A client that sends
 * without reading is therefore not read from while it has so many times the mark unsent. The gap down to the second
 * number matters: notifications alone must never stop the reading, or a client could not cancel the stream that fills
 * its socket.
 */
const STOP_READING_AT = 4;
const READ_AGAIN_AT = 2;
/** Frames of one turn of the event loop leave together up to so many bytes: more would only wait for room. */
const GATHERED_BYTES = 65_536;
/** What Node reads at most at a time. Behind so much there is more, and libuv would go on with it for 2 MiB. */
const FULL_READ_BYTES = 65_536;

const connections = new WeakMap<object, RpcConnection>();

/** The connection of a raw ws client, as gateways' `handleConnection(client)` get it. */
export function rpcConnectionOf(client: object): RpcConnection | undefined {
  return connections.get(client);
}

/** A connection over one ws socket: sending, back-pressure and signs of life. */
export class WsRpcConnection extends RpcConnection {
  readonly id = randomUUID();
  readonly state: Map<string, unknown>;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly remoteAddress: string | undefined;

  private readonly logger = new Logger('JsonRpc');
  private readonly closing = new AbortController();
  private readonly listeners = new Set<(close: RpcClose) => void>();
  private readonly tcp: Socket;
  private waiters: Waiter[] = [];
  private closeInfo: RpcClose | undefined;
  private isBraked = false;
  private isWaitingForTurn = false;
  private isGathering = false;
  private flushedBytes = 0;
  private lastBeat: { read: number; flushed: number; buffered: number } | undefined;

  constructor(
    private readonly socket: WebSocket,
    request: IncomingMessage,
    state: Record<string, unknown>,
    private readonly limits: FlowLimits,
  ) {
    super();
    this.state = new Map(Object.entries(state));
    this.headers = request.headers;
    this.url = request.url ?? '/';
    this.tcp = request.socket;
    this.remoteAddress = request.socket.remoteAddress;
    connections.set(socket, this);
    socket.once('close', (code, reason) => this.ended({ code, reason: reason.toString() }));
    this.tcp.on('data', (chunk: Buffer) => chunk.length >= FULL_READ_BYTES && this.letOthersRead());
    // ws would answer pings without limit, even to a client that reads none of the pongs.
    socket.on('ping', (data) => {
      socket.pong(data, false, () => this.flushed(0));
      this.brake();
    });
  }

  get closed(): AbortSignal {
    return this.closing.signal;
  }

  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  notify(method: string, params: object = {}): Promise<void> {
    let text: string;
    try {
      text = JSON.stringify({ jsonrpc: '2.0', method, params });
    } catch (error) {
      this.logger.error(`${method} is not JSON: ${String(error)}`);
      return handled(Promise.reject(error));
    }
    if (!this.send(text)) return handled(Promise.reject(new RpcConnectionClosedError()));
    if (this.bufferedBytes <= this.limits.highWaterMarkBytes) return Promise.resolve();
    return handled(new Promise((resolve, reject) => this.waiters.push({ resolve, reject })));
  }

  /** Sends a frame without waiting for room; false when the socket is no longer open. */
  send(text: string): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    if (this.bufferedBytes > this.limits.maxBufferedBytes) {
      this.logger.warn(`Ended connection ${this.id}: its client left ${this.bufferedBytes} bytes unread`);
      this.terminate();
      return false;
    }
    // As bytes: of a string, Node counts the characters, and bufferedAmount would be too small.
    const frame = Buffer.from(text);
    this.gather();
    this.socket.send(frame, { binary: false }, () => this.flushed(frame.length));
    this.brake();
    return true;
  }

  onClose(listener: (close: RpcClose) => void): () => void {
    if (this.closeInfo) this.tell(listener, this.closeInfo);
    else this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  close(code = 1000, reason = ''): void {
    this.socket.close(code, reason);
  }

  terminate(): void {
    this.socket.terminate();
  }

  /**
   * One beat of the heart: false when the client showed no life since the last one, else it is pinged again.
   * Any byte counts, not only pongs: the middle of a large frame that arrives slowly has no room for a pong. And while
   * we do not read, a client that takes our bytes is alive; without unsent bytes that would mean nothing, because the
   * kernel takes small messages for a dead peer too.
   */
  beat(): boolean {
    const now = { read: this.tcp.bytesRead, flushed: this.flushedBytes, buffered: this.bufferedBytes };
    const last = this.lastBeat;
    this.lastBeat = now;
    const isAlive = !last || now.read !== last.read || (last.buffered > 0 && now.flushed !== last.flushed);
    if (isAlive && this.socket.readyState === WebSocket.OPEN) this.socket.ping();
    return isAlive;
  }

  /** Each system call wakes the client, which costs both more than a small frame does. */
  private gather(): void {
    if (this.tcp.writableLength > GATHERED_BYTES) return this.tcp.uncork();
    if (this.isGathering) return;
    this.isGathering = true;
    this.tcp.cork();
    setImmediate(() => {
      this.isGathering = false;
      this.tcp.uncork();
    });
  }

  /** A client that sends without end is read from in the next turn of the event loop, when others have had theirs. */
  private letOthersRead(): void {
    if (this.isWaitingForTurn) return;
    this.isWaitingForTurn = true;
    this.socket.pause();
    setImmediate(() => {
      this.isWaitingForTurn = false;
      if (!this.isBraked) this.socket.resume();
    });
  }

  private brake(): void {
    if (this.bufferedBytes <= STOP_READING_AT * this.limits.highWaterMarkBytes) return;
    this.isBraked = true;
    this.socket.pause();
  }

  private releaseBrake(): void {
    if (!this.isBraked || this.bufferedBytes > READ_AGAIN_AT * this.limits.highWaterMarkBytes) return;
    this.isBraked = false;
    if (!this.isWaitingForTurn) this.socket.resume();
  }

  private flushed(bytes: number): void {
    this.flushedBytes += bytes;
    this.releaseBrake();
    if (this.bufferedBytes > this.limits.highWaterMarkBytes || this.waiters.length === 0) return;
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter.resolve();
  }

  private ended(close: RpcClose): void {
    this.closeInfo = close;
    const waiters = this.waiters;
    this.waiters = [];
    for (const waiter of waiters) waiter.reject(new RpcConnectionClosedError());
    this.closing.abort('disconnected');
    for (const listener of this.listeners) this.tell(listener, close);
    this.listeners.clear();
  }

  private tell(listener: (close: RpcClose) => void, close: RpcClose): void {
    try {
      listener(close);
    } catch (error) {
      this.logger.error(error);
    }
  }
}

/** A notification sent with `void` must not end the process when the client goes: mark its rejection as handled. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
