import type { AgentTransport } from '../agent/agent-channel.js';
import type { ProcessEnd } from '../agent/agent-types.js';
import { deferred } from '../agent/deferred.js';
import { encodeFrame, type Frame, FrameParser, FrameType, INITIAL_CREDIT_BYTES, PREAMBLE } from '../agent/frames.js';
import { parseHead } from '../agent/head.js';

const NOTHING = Buffer.alloc(0);

export type FakeMethod = (exchange: FakeExchange) => void | Promise<void>;

/**
 * An agent in memory: speaks PROTOCOL.md's frames from the agent's side, keeps to its credits, and remembers its claim.
 * What a method does is a test's to say by {@link on}.
 */
export class FakeAgent {
  claim: Buffer = NOTHING;
  private claimedAt: number | undefined;
  selfDestructMs: number | undefined;
  readonly startedAt = '2026-01-02T03:04:05.000Z';
  /** Every request, in the order in which they came, over all connections. */
  readonly received: FakeExchange[] = [];
  /** Whatever the server did against the protocol. */
  readonly violations: string[] = [];
  /** The server's words of greeting, as often as it greeted. */
  readonly hellos: Record<string, unknown>[] = [];
  /** How a greeting is answered; undefined leaves it unanswered. */
  answerHello: (nonce: string) => { nonce: string; head: object } | undefined = (nonce) => ({
    nonce,
    head: { protocol: 1, agent: 'fake', startedAt: this.startedAt },
  });
  private readonly methods = new Map<string, FakeMethod>();
  private readonly open = new Map<number, FakeExchange>();
  private line: FakeLine | undefined;
  private arrivals: { readonly method: string; readonly tell: (exchange: FakeExchange) => void }[] = [];

  constructor() {
    this.on('ping', (exchange) => exchange.respond());
    this.on('claim', async (exchange) => {
      const claim = await exchange.allData;
      if (claim.length > 131_072) return exchange.refuse('bad_request', 'the claim is over 131072 bytes');
      this.claim = claim;
      this.claimedAt = performance.now();
      this.selfDestructMs = exchange.head['selfDestructMs'] as number | undefined;
      exchange.respond();
    });
    this.on('info', (exchange) =>
      exchange.respond(
        {
          startedAt: this.startedAt,
          claimAgeMs: this.claimedAt === undefined ? null : performance.now() - this.claimedAt,
          processes: [],
          memory: { usedBytes: 1, limitBytes: 2, oomKills: 0 },
          pids: 1,
        },
        this.claim,
      ),
    );
    this.on('run', (exchange) => exchange.respond(processEnd()));
  }

  /** Says what `method` does from now on. */
  on(method: string, handle: FakeMethod): this {
    this.methods.set(method, handle);
    return this;
  }

  /** The next request of `method`. */
  next(method: string): Promise<FakeExchange> {
    return new Promise((tell) => this.arrivals.push({ method, tell }));
  }

  /** Every request of `method` so far. */
  requests(method: string): FakeExchange[] {
    return this.received.filter((exchange) => exchange.method === method);
  }

  /** A new connection, as attaching to the container gives one; bytes to the server come in pieces of `pieceBytes`. */
  attach(pieceBytes = Number.POSITIVE_INFINITY): AgentTransport {
    const line = new FakeLine(pieceBytes, (frame) => {
      if (line === this.line || frame.type === FrameType.hello) this.receive(line, frame);
    });
    return line;
  }

  /** The stream to the server breaks. */
  breakLine(error?: Error): void {
    this.line?.break(error);
    this.line = undefined;
    this.open.clear();
  }

  /** Bytes as they are, valid or not. */
  sendRaw(bytes: Buffer): void {
    this.line?.toServer(bytes);
  }

  private receive(line: FakeLine, frame: Frame): void {
    const head = parseHead(frame.head);
    switch (frame.type) {
      case FrameType.hello:
        return this.greet(line, head);
      case FrameType.request:
        return this.begin(frame, head);
      case FrameType.data:
        this.open.get(frame.id)?.receive(frame);
        break;
      case FrameType.credit:
        this.open.get(frame.id)?.credit(frame.payload.readUInt32LE(0));
        break;
      case FrameType.cancel:
        this.open.get(frame.id)?.cancel(String(head['reason']));
        break;
      default:
        this.violations.push(`a frame of type ${frame.type}`);
    }
  }

  private greet(line: FakeLine, head: Record<string, unknown>): void {
    this.hellos.push(head);
    this.line = line;
    this.open.clear();
    const answer = this.answerHello(String(head['nonce']));
    if (!answer) return;
    const hello = encodeFrame(0, FrameType.hello, JSON.stringify(answer.head), NOTHING, true);
    line.toServer(Buffer.concat([PREAMBLE, Buffer.from(answer.nonce), hello]));
  }

  private begin(frame: Frame, head: Record<string, unknown>): void {
    if (frame.id === 0 || this.open.has(frame.id)) this.violations.push(`request with the id ${frame.id}`);
    const exchange = new FakeExchange(frame.id, String(head['method']), head, {
      send: (type, text, payload) => {
        if (this.open.get(frame.id) !== exchange) return;
        if (type === FrameType.response) this.open.delete(frame.id);
        this.line?.toServer(encodeFrame(frame.id, type, text, payload, type === FrameType.response));
      },
      complain: (what) => this.violations.push(what),
    });
    this.open.set(frame.id, exchange);
    this.received.push(exchange);
    exchange.receive(frame);
    const arrived = this.arrivals.filter(({ method }) => method === exchange.method);
    this.arrivals = this.arrivals.filter(({ method }) => method !== exchange.method);
    for (const { tell } of arrived) tell(exchange);
    const handle = this.methods.get(exchange.method);
    if (handle) void handle(exchange);
    else exchange.refuse('unknown_method', `there is no method ${exchange.method}`);
  }
}

interface ExchangeLink {
  send(type: number, head: string | Buffer, payload: Buffer): void;
  complain(what: string): void;
}

/** One request as the agent has it. */
export class FakeExchange {
  /** Payload sizes of the frames that the server sent, the request's first. */
  readonly frameBytes: number[] = [];
  cancelReason: string | undefined;
  /** False holds the server's data up until {@link grant} is called. */
  grantsAtOnce = true;
  private readonly parts: Buffer[] = [];
  private readonly whole = deferred<Buffer>();
  private readonly cancelling = deferred<string>();
  private grantedBytes = INITIAL_CREDIT_BYTES;
  private receivedBytes = 0;
  private creditBytes = INITIAL_CREDIT_BYTES;
  private wakers: (() => void)[] = [];
  private seq = 0;
  private readonly offsets = { stdout: 0, stderr: 0 };

  constructor(
    readonly id: number,
    readonly method: string,
    readonly head: Readonly<Record<string, unknown>>,
    private readonly link: ExchangeLink,
  ) {}

  /** Resolves with all data when the server has said that it sends no more. */
  get allData(): Promise<Buffer> {
    return this.whole.promise;
  }

  /** Resolves with the reason when the server cancels. */
  get cancelled(): Promise<string> {
    return this.cancelling.promise;
  }

  /** Bytes that may be sent to the server now. */
  get credits(): number {
    return this.creditBytes;
  }

  get receivedSoFar(): number {
    return this.receivedBytes;
  }

  respond(head: object = {}, payload: Buffer = NOTHING): void {
    this.link.send(FrameType.response, JSON.stringify(head), payload);
  }

  refuse(code: string, message: string, more: object = {}): void {
    this.respond({ error: { code, message, ...more } });
  }

  event(head: object): void {
    this.link.send(FrameType.event, JSON.stringify(head), NOTHING);
  }

  /** Sends data once the server has granted as much. */
  async data(payload: Buffer, head: Buffer = NOTHING): Promise<void> {
    while (this.creditBytes < payload.length) await new Promise<void>((wake) => this.wakers.push(wake));
    this.creditBytes -= payload.length;
    this.link.send(FrameType.data, head, payload);
  }

  /** A program's output, numbered as PROTOCOL.md wants it. */
  output(stream: 'stdout' | 'stderr', text: string | Buffer): Promise<void> {
    const payload = Buffer.from(text as string);
    const head = Buffer.alloc(17);
    head[0] = stream === 'stdout' ? 1 : 2;
    head.writeBigUInt64LE(BigInt(this.seq++), 1);
    head.writeBigUInt64LE(BigInt(this.offsets[stream]), 9);
    this.offsets[stream] += payload.length;
    return this.data(payload, head);
  }

  grant(bytes: number): void {
    this.grantedBytes += bytes;
    const credit = Buffer.alloc(4);
    credit.writeUInt32LE(bytes);
    this.link.send(FrameType.credit, '', credit);
  }

  /** @internal */
  receive(frame: Frame): void {
    this.frameBytes.push(frame.payload.length);
    this.receivedBytes += frame.payload.length;
    if (this.receivedBytes > this.grantedBytes) this.link.complain(`exchange ${this.id} was sent more than granted`);
    this.parts.push(Buffer.from(frame.payload));
    if (this.grantsAtOnce && frame.type === FrameType.data && frame.payload.length > 0) {
      this.grant(frame.payload.length);
    }
    if (frame.end) this.whole.resolve(Buffer.concat(this.parts));
  }

  /** @internal */
  credit(bytes: number): void {
    this.creditBytes += bytes;
    for (const wake of this.wakers.splice(0)) wake();
  }

  /** @internal */
  cancel(reason: string): void {
    this.cancelReason = reason;
    this.cancelling.resolve(reason);
  }
}

/** The server's end of a connection. Bytes travel as microtasks: in order, and never within the call that sends them. */
class FakeLine implements AgentTransport {
  readonly bufferedBytes = 0;
  private handlers: { onData(bytes: Buffer): void; onClose(error?: Error): void } | undefined;
  private closed = false;
  private readonly parser: FrameParser;

  constructor(
    private readonly pieceBytes: number,
    onFrame: (frame: Frame) => void,
  ) {
    this.parser = new FrameParser(PREAMBLE, onFrame);
  }

  write(...parts: readonly Buffer[]): void {
    if (this.closed) return;
    const copy = Buffer.concat(parts);
    queueMicrotask(() => this.parser.push(copy));
  }

  writeThen(sent: () => void, ...parts: readonly Buffer[]): void {
    this.write(...parts);
    queueMicrotask(sent);
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  start(handlers: { onData(bytes: Buffer): void; onClose(error?: Error): void }): void {
    this.handlers = handlers;
  }

  close(): void {
    this.closed = true;
  }

  toServer(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += this.pieceBytes) {
      const piece = bytes.subarray(at, at + this.pieceBytes);
      queueMicrotask(() => {
        if (!this.closed) this.handlers?.onData(piece);
      });
    }
  }

  break(error?: Error): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers?.onClose(error);
  }
}

/** The end of a program that exited with 0, but for what is said otherwise. */
export function processEnd(changes: Partial<ProcessEnd> = {}): ProcessEnd {
  return {
    endReason: 'exited',
    exitCode: 0,
    signal: null,
    startedAt: '2026-01-02T03:04:05.000Z',
    durationMs: 12,
    cpuMs: 3,
    maxRssBytes: 4096,
    stdoutBytes: 0,
    stderrBytes: 0,
    truncated: false,
    oomKills: 0,
    leftoversKilled: 0,
    ...changes,
  };
}

// Taken before any test replaces the timers.
const nextTurn = setImmediate;

/** Resolves when everything that is on its way has arrived. */
export function arrived(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve));
}

/** Whether a promise is still open when everything that is on its way has arrived. */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  await arrived();
  const open = Symbol('open');
  return (await Promise.race([promise.catch(() => undefined), Promise.resolve(open)])) === open;
}
