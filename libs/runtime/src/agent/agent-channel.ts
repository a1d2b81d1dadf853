import { randomBytes } from 'node:crypto';

import { AgentError, AgentSilentError, ChannelLostError } from './agent-error.js';
import { deferred } from './deferred.js';
import { dataFrame, encodeFrame, type Frame, FrameParser, FrameType, MAX_FRAME_BYTES, PREAMBLE } from './frames.js';
import { Exchange, type ExchangeOptions } from './exchange.js';
import { parseHead, textOf } from './head.js';

export const PROTOCOL_VERSION = 1;

/** Bytes waiting in the transport beyond which data waits for it to drain: whatever is sent next waits behind them. */
const TRANSPORT_HIGH_WATER_BYTES = 262_144;
/** How often something is sent while the agent works for us, and after how long without it may hold us for dead. */
const KEEP_ALIVE_MS = 5_000;
const SILENCE_MS = 30_000;
/** A length of 0, which the agent skips. */
const PADDING = Buffer.alloc(4);
const MAX_ID = 0xffff_ffff;
const NOTHING = Buffer.alloc(0);

/** A byte stream to and from an agent; what a runtime hands to {@link AgentChannel}. */
export interface AgentTransport {
  /** Sends the parts one after the other. They are not changed afterwards. */
  write(...parts: readonly Buffer[]): void;
  /** The same, and calls `sent` when all of it has left, and nobody needs the parts any more; never where it does not. */
  writeThen(sent: () => void, ...parts: readonly Buffer[]): void;
  /** Bytes accepted by `write` that have not left yet. */
  readonly bufferedBytes: number;
  /** Resolves at the next moment when the transport has room. */
  drained(): Promise<void>;
  /** @param handlers `onData` returns true where nobody has anything of the bytes any more. */
  start(handlers: { onData(bytes: Buffer): boolean | undefined; onClose(error?: Error): void }): void;
  close(): void;
}

export interface AgentHello {
  readonly protocol: number;
  readonly agent: string;
  readonly startedAt: string;
}

/**
 * One connection to an agent: concurrent exchanges over one byte stream, each with credits of its own, so that a
 * reader that falls behind holds up its own exchange and no other.
 */
export class AgentChannel {
  private readonly exchanges = new Map<number, Exchange>();
  private readonly parser: FrameParser;
  private readonly nonce = randomBytes(16).toString('hex');
  private readonly greeted = deferred<AgentHello>();
  private readonly ended = new AbortController();
  private keepAlive: NodeJS.Timeout | undefined;
  private nextId = 0;

  private constructor(private readonly transport: AgentTransport) {
    this.parser = new FrameParser(Buffer.concat([PREAMBLE, Buffer.from(this.nonce)]), (frame) => this.receive(frame));
    this.greeted.promise.catch(() => undefined);
    transport.start({
      onData: (bytes) => this.take(bytes),
      onClose: (error) => this.fail(new ChannelLostError(error?.message)),
    });
  }

  /**
   * Says hello over `transport` and waits for the agent's.
   * @param resync true when somebody spoke to this agent before: completes whatever they left half sent.
   * @throws ChannelLostError when no valid hello came within `timeoutMs`.
   */
  static async open(
    transport: AgentTransport,
    options: { resync: boolean; timeoutMs: number },
  ): Promise<{ channel: AgentChannel; hello: AgentHello }> {
    const channel = new AgentChannel(transport);
    if (options.resync) transport.write(Buffer.alloc(MAX_FRAME_BYTES));
    transport.write(PREAMBLE);
    transport.write(
      encodeFrame(
        0,
        FrameType.hello,
        JSON.stringify({ protocol: PROTOCOL_VERSION, nonce: channel.nonce, silenceMs: SILENCE_MS }),
        NOTHING,
        true,
      ),
    );
    const timer = setTimeout(() => channel.fail(new AgentSilentError(options.timeoutMs)), options.timeoutMs);
    try {
      return { channel, hello: await channel.greeted.promise };
    } catch (error) {
      channel.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Aborted when the connection is over; the reason is a {@link ChannelLostError}. */
  get closed(): AbortSignal {
    return this.ended.signal;
  }

  /** Opens an exchange. Its response rejects with {@link AgentError} or {@link ChannelLostError}. */
  exchange(method: string, params: object, options: ExchangeOptions = {}): Exchange {
    this.ended.signal.throwIfAborted();
    const id = this.takeId();
    const exchange = new Exchange(id, options, {
      send: (type, head, payload, end) => this.transport.write(encodeFrame(id, type, head, payload, end)),
      sendData: (payload, sent) => {
        const parts = dataFrame(id, payload);
        if (sent) this.transport.writeThen(sent, ...parts);
        else this.transport.write(...parts);
      },
      hasRoom: () => this.hasRoom,
      room: () => this.room(),
    });
    // Encoded before it is registered: a request that is too large leaves nothing behind.
    const payload = options.payload ?? NOTHING;
    const frame = encodeFrame(
      id,
      FrameType.request,
      JSON.stringify({ method, ...params }),
      payload,
      options.end ?? true,
    );
    exchange.spend(payload.length);
    this.exchanges.set(id, exchange);
    this.transport.write(frame);
    exchange.widen();
    this.keepAlive ??= setInterval(() => this.sayAlive(), KEEP_ALIVE_MS).unref();
    return exchange;
  }

  /** One request, one answer. */
  async request(method: string, params: object, options: ExchangeOptions = {}) {
    return this.exchange(method, params, options).response;
  }

  close(): void {
    this.fail(new ChannelLostError('the connection to the sandbox was closed'));
  }

  private sayAlive(): void {
    if (this.exchanges.size > 0) return this.transport.write(PADDING);
    clearInterval(this.keepAlive);
    this.keepAlive = undefined;
  }

  /** Once greeted, a stream that is out of step has lost frames: nothing that is still open can be answered right. */
  private take(bytes: Buffer): boolean {
    let isFree = false;
    try {
      isFree = this.parser.push(bytes);
      if (this.parser.torn > 0) this.fail(new ChannelLostError('the stream of the sandbox was torn'));
    } catch (error) {
      this.fail(new ChannelLostError(`the agent was not understood: ${String(error)}`));
    }
    return isFree;
  }

  private receive(frame: Frame): void {
    if (frame.type === FrameType.hello) return this.greet(frame);
    const exchange = this.exchanges.get(frame.id);
    if (!exchange) return;
    switch (frame.type) {
      case FrameType.response:
        this.exchanges.delete(frame.id);
        exchange.finish(parseHead(frame.head), Buffer.from(frame.payload));
        break;
      case FrameType.data:
        exchange.receive(frame.head, frame.payload, frame.release);
        break;
      case FrameType.credit:
        exchange.credit(frame.payload.length >= 4 ? frame.payload.readUInt32LE(0) : 0);
        break;
      case FrameType.event:
        exchange.event(parseHead(frame.head));
        break;
      default:
        break;
    }
  }

  private greet(frame: Frame): void {
    const hello = parseHead(frame.head);
    if (hello['protocol'] !== PROTOCOL_VERSION) {
      const theirs = JSON.stringify(hello['protocol']);
      this.fail(
        new AgentError('protocol_mismatch', `the agent speaks protocol ${theirs}, this server ${PROTOCOL_VERSION}`),
      );
      return;
    }
    this.greeted.resolve({
      protocol: PROTOCOL_VERSION,
      agent: textOf(hello['agent']),
      startedAt: textOf(hello['startedAt']),
    });
  }

  private fail(error: Error): void {
    if (this.ended.signal.aborted) return;
    clearInterval(this.keepAlive);
    this.ended.abort(error);
    this.transport.close();
    this.greeted.reject(error);
    const open = [...this.exchanges.values()];
    this.exchanges.clear();
    for (const exchange of open) exchange.fail(error);
  }

  private takeId(): number {
    // Ids come round again only after four billion exchanges, but a long run may still hold one.
    do this.nextId = this.nextId >= MAX_ID ? 1 : this.nextId + 1;
    while (this.exchanges.has(this.nextId));
    return this.nextId;
  }

  private get hasRoom(): boolean {
    return this.transport.bufferedBytes <= TRANSPORT_HIGH_WATER_BYTES;
  }

  private async room(): Promise<void> {
    while (!this.hasRoom) await this.transport.drained();
  }
}
