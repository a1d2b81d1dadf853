import { AgentError } from './agent-error.js';
import { deferred } from './deferred.js';
import { textOf } from './head.js';
import { FrameType, INITIAL_CREDIT_BYTES, MAX_DATA_BYTES } from './frames.js';

/** Part of the window that is saved up before it is granted again: few CREDIT frames, and never a starved sender. */
const GRANT_STEP = 1 / 4;
const NOTHING = Buffer.alloc(0);

export interface ExchangeOptions {
  /** The first data, sent with the request. */
  readonly payload?: Buffer;
  /** False when more data follows by {@link Exchange.write}. Default true. */
  readonly end?: boolean;
  /**
   * Takes each piece of data. The bytes are only valid during the call, unless it returns a promise: then until that
   * resolves. The sender is granted more only after it, so a slow taker slows its own exchange.
   */
  readonly onData?: (payload: Buffer, head: Buffer) => void | Promise<void>;
  readonly onEvent?: (head: Record<string, unknown>) => void;
  /** Bytes that the agent may send beyond what an exchange begins with, so that more are on their way at once. */
  readonly extraWindowBytes?: number;
  /** Whether the bytes given to onData are used for others once its promise has resolved. Default false. */
  readonly reusesBytes?: boolean;
}

export interface ExchangeResponse {
  readonly head: Record<string, unknown>;
  readonly payload: Buffer;
}

interface Link {
  send(type: number, head: string, payload: Buffer, end: boolean): void;
  sendData(payload: Buffer, sent?: () => void): void;
  readonly hasRoom: () => boolean;
  room(): Promise<void>;
}

/** One request to the agent and all that belongs to it: data both ways, credits, events, and one response. */
export class Exchange {
  private readonly settled = deferred<ExchangeResponse>();
  private creditBytes = INITIAL_CREDIT_BYTES;
  private creditWaiter: (() => void) | undefined;
  private owedBytes = 0;
  private readonly grantStepBytes: number;
  private granting = false;
  private done = false;
  private refused = false;
  private heardAt = Number.NEGATIVE_INFINITY;
  /** Data is handed on in order, one piece at a time; the response waits for the last. */
  private delivery: Promise<void> | undefined;

  constructor(
    readonly id: number,
    private readonly options: ExchangeOptions,
    private readonly link: Link,
  ) {
    this.grantStepBytes = GRANT_STEP * (INITIAL_CREDIT_BYTES + (options.extraWindowBytes ?? 0));
    // Whoever opened the exchange may look at the response late; until then a refusal is owned here.
    this.settled.promise.catch(() => undefined);
  }

  get response(): Promise<ExchangeResponse> {
    return this.settled.promise;
  }

  /**
   * Sends all of it now, and returns true, where it need not wait for anything. The bytes must not change any more.
   * @param sent called when they have left, and are the caller's again; never where they do not
   */
  writeNow(bytes: Buffer, sent?: () => void): boolean {
    if (this.done || this.creditBytes < bytes.length || !this.link.hasRoom()) return false;
    for (let at = 0; at < bytes.length; at += MAX_DATA_BYTES) this.sendPart(bytes, at, MAX_DATA_BYTES, sent);
    return true;
  }

  /**
   * Sends data, waiting for credit; resolves without sending when the exchange has ended. The bytes must not change any
   * more.
   * @param sent as in {@link writeNow}
   */
  async write(bytes: Buffer, sent?: () => void): Promise<void> {
    for (let at = 0; at < bytes.length && !this.done;) {
      if (this.creditBytes === 0) await new Promise<void>((resolve) => (this.creditWaiter = resolve));
      await this.link.room();
      if (this.done) return;
      const size = Math.min(bytes.length - at, this.creditBytes, MAX_DATA_BYTES);
      this.sendPart(bytes, at, size, sent);
      at += size;
    }
  }

  private sendPart(bytes: Buffer, at: number, size: number, sent?: () => void): void {
    const part = bytes.subarray(at, at + size);
    this.spend(part.length);
    this.link.sendData(part, at + part.length === bytes.length ? sent : undefined);
  }

  /** Says that no more data follows. */
  end(): void {
    if (!this.done) this.link.send(FrameType.data, '', NOTHING, true);
  }

  /** Asks the agent to give up; the response still comes. */
  cancel(reason: 'cancelled' | 'disconnected'): void {
    if (!this.done) this.link.send(FrameType.cancel, JSON.stringify({ reason }), NOTHING, true);
  }

  /** Whether data is just being taken, or something was heard within the last `withinMs`. */
  isBusy(withinMs: number): boolean {
    return this.delivery !== undefined || performance.now() - this.heardAt < withinMs;
  }

  /** Gives up waiting: the response rejects with `error`, and the agent is asked to stop. */
  abandon(error: Error): void {
    this.cancel('cancelled');
    this.fail(error);
  }

  /** @internal */
  widen(): void {
    this.owedBytes = this.options.extraWindowBytes ?? 0;
    if (this.owedBytes > 0) this.sendGrant();
  }

  /** @internal */
  spend(bytes: number): void {
    this.creditBytes -= bytes;
  }

  /** @internal */
  credit(bytes: number): void {
    this.heardAt = performance.now();
    this.creditBytes += bytes;
    this.wake();
  }

  /** @internal */
  receive(head: Buffer, payload: Buffer, release?: () => void): void {
    this.heardAt = performance.now();
    const take = this.options.onData;
    if (!take || this.refused) return this.grant(payload.length);
    const taken = (): void => {
      if (this.options.reusesBytes === true) release?.();
      this.grant(payload.length);
    };
    if (this.delivery) return this.track(this.delivery.then(() => this.deliver(() => take(payload, head), taken)));
    try {
      const taking = take(payload, head);
      if (!taking) return this.grant(payload.length);
      this.track(taking.then(taken, (error: unknown) => this.refuse(error)));
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @internal */
  event(head: Record<string, unknown>): void {
    try {
      this.options.onEvent?.(head);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** @internal */
  finish(head: Record<string, unknown>, payload: Buffer): void {
    const settle = (): void => {
      this.done = true;
      this.wake();
      const error = head['error'];
      if (typeof error === 'object' && error !== null) this.settled.reject(toAgentError({ ...error }));
      else this.settled.resolve({ head, payload });
    };
    if (this.delivery) void this.delivery.then(settle);
    else settle();
  }

  /** @internal */
  fail(error: Error): void {
    this.done = true;
    this.wake();
    this.settled.reject(error);
  }

  private track(delivery: Promise<void>): void {
    this.delivery = delivery;
    void delivery.then(() => {
      if (this.delivery === delivery) this.delivery = undefined;
    });
  }

  private async deliver(take: () => void | Promise<void>, taken: () => void): Promise<void> {
    if (this.done || this.refused) return;
    try {
      await take();
      taken();
    } catch (error) {
      this.refuse(error);
    }
  }

  /** A taker that failed wants no more: the command is ended, and its failure is what the caller hears. */
  private refuse(error: unknown): void {
    this.refused = true;
    this.cancel('cancelled');
    this.settled.reject(error);
  }

  /**
   * Grants in a later turn of the event loop: a socket is read on within one turn for as long as there is data, and a
   * flood that is granted at once refills it, so that nobody else would have his turn for tens of milliseconds.
   */
  private grant(bytes: number): void {
    this.owedBytes += bytes;
    if (this.owedBytes < this.grantStepBytes || this.done || this.granting) return;
    this.granting = true;
    setImmediate(() => {
      this.granting = false;
      this.sendGrant();
    });
  }

  private sendGrant(): void {
    if (this.done) return;
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(this.owedBytes);
    this.owedBytes = 0;
    this.link.send(FrameType.credit, '', credit, false);
  }

  private wake(): void {
    const waiter = this.creditWaiter;
    this.creditWaiter = undefined;
    waiter?.();
  }
}

function toAgentError(error: Record<string, unknown>): AgentError {
  const { code, message, ...details } = error;
  return new AgentError(textOf(code, 'internal'), textOf(message, 'the agent refused'), details);
}
