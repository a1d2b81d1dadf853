import { isObservable, lastValueFrom } from 'rxjs';
import type { ErrorReporter } from './error-reporter.js';
import { parseFrame } from './frame.js';
import { AN_ID, errorText, isId, readRequest, resultText, type RpcRequest } from './messages.js';
import type { JsonRpcSettings } from './options.js';
import { failureOf, type RpcAbortReason, type RpcCall, type RpcId } from './rpc-call.js';
import { invalidParams, RpcError, RpcErrorCode } from './rpc-error.js';
import { type Outcome, type RpcOutcome, RunningCall } from './running-call.js';
import type { WsRpcConnection } from './ws-connection.js';

/** Nest's whole pipeline for one method, bound to its gateway and client. */
export type RpcHandler = (call: RpcCall, method: string) => unknown;

interface Admitted extends RpcRequest {
  handler: RpcHandler;
  params: Record<string, unknown>;
}

/** Calls are short for the most part, so "soon" is a good guess for when there is room again. */
const RETRY_AFTER_MS = 100;

/** The calls of one connection: from frames to replies. A Map of methods, so that no name can reach a prototype. */
export class Dispatcher {
  private readonly methods = new Map<string, RpcHandler>();
  /** Calls that are not answered yet, by id. */
  private readonly unanswered = new Map<RpcId, RunningCall>();
  /** Calls whose handlers run, answered or not: an abandoned handler still takes its place. */
  private readonly running = new Set<RunningCall>();
  private runningBytes = 0;
  private frames = 0;
  private isRefusing = false;
  private onIdle: (() => void)[] = [];

  constructor(
    private readonly connection: WsRpcConnection,
    private readonly settings: JsonRpcSettings,
    private readonly errors: ErrorReporter,
  ) {}

  /** False when the name is taken. */
  register(method: string, handler: RpcHandler): boolean {
    if (this.methods.has(method)) return false;
    this.methods.set(method, handler);
    return true;
  }

  /** Takes one frame; never throws, and sends the reply, if there is one, when all of it is known. */
  receive(frame: Buffer): void {
    this.frames++;
    this.answerFrame(frame)
      .then((reply) => reply !== undefined && this.connection.send(reply))
      .catch((fault: unknown) => this.errors.internal(fault, 'A reply'))
      .finally(() => {
        this.frames--;
        this.reportIdle();
      });
  }

  /** Further requests are answered with -32000, further notifications dropped. */
  refuseNew(): void {
    this.isRefusing = true;
  }

  /** Resolves when every frame has been answered. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.onIdle.push(resolve);
      this.reportIdle();
    });
  }

  /** Asks every handler to end. */
  abortAll(reason: RpcAbortReason): void {
    for (const call of this.running) call.abort(reason, this.settings.cancelGraceMs);
  }

  /** Waits for no handler any longer: what was not answered is answered now. */
  abandonAll(): void {
    for (const call of this.running) call.abandon();
  }

  private async answerFrame(frame: Buffer): Promise<string | undefined> {
    let message: unknown;
    try {
      message = parseFrame(frame, this.settings);
    } catch (error) {
      return errorText(null, error instanceof RpcError ? error : this.errors.internal(error, 'Parsing'));
    }
    if (!Array.isArray(message)) return this.answer(message, frame.length);
    if (message.length === 0) return errorText(null, invalidRequest('an empty batch'));
    const share = Math.ceil(frame.length / message.length);
    const replies = await Promise.all(message.map((member) => this.answer(member, share)));
    const texts = replies.filter((reply) => reply !== undefined);
    return texts.length === 0 ? undefined : `[${texts.join(',')}]`;
  }

  /** The reply to one message; undefined for a notification, whatever happens to it. Never rejects. */
  private async answer(message: unknown, bytes: number): Promise<string | undefined> {
    const request = readRequest(message);
    if ('error' in request) return errorText(request.id, request.error);
    const { id } = request;
    if (request.method === '$/cancelRequest') return this.cancel(request);
    const admitted = this.admit(request, bytes);
    if (!(admitted instanceof RpcError)) return this.run(admitted, bytes);
    return id === undefined ? undefined : errorText(id, admitted);
  }

  private admit({ method, params, id }: RpcRequest, bytes: number): Admitted | RpcError {
    if (this.isRefusing) return shuttingDown();
    const handler = this.methods.get(method);
    if (!handler) return new RpcError(RpcErrorCode.MethodNotFound, `Method not found: ${method.slice(0, 100)}`);
    if (Array.isArray(params)) {
      return invalidParams([{ field: 'params', message: 'must be an object: parameters are passed by name' }]);
    }
    if (id !== undefined && this.unanswered.has(id)) {
      // Two calls under one id could be told apart neither by their replies nor for cancellation.
      return invalidRequest('a call with this id is still running');
    }
    const isFull = this.running.size >= this.settings.maxInFlight;
    // A single frame always has room, however large it is.
    const isHeavy = this.runningBytes > 0 && this.runningBytes + bytes > this.settings.maxInFlightBytes;
    if (!isFull && !isHeavy) return { handler, method, params, id };
    return new RpcError(RpcErrorCode.RateLimited, 'Too many calls of this connection are running', {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  private async run({ handler, method, params, id }: Admitted, bytes: number): Promise<string | undefined> {
    const running = new RunningCall(method, params, id, this.connection, bytes);
    if (id !== undefined) this.unanswered.set(id, running);
    this.running.add(running);
    this.runningBytes += bytes;
    const work = this.invoke(handler, running.call).then((outcome) => {
      this.running.delete(running);
      this.runningBytes -= bytes;
      return outcome;
    });
    const outcome = await Promise.race([work, running.abandoned]);
    running.settled();
    if (id !== undefined) this.unanswered.delete(id);
    if (outcome === 'abandoned') void work.then((late) => this.logLate(late, method));
    return this.replyTo(running, outcome);
  }

  private replyTo(running: RunningCall, outcome: Outcome): string | undefined {
    const { call, abortReason } = running;
    if (this.connection.closed.aborted) {
      if (outcome !== 'abandoned') this.logLate(outcome, call.method);
      return undefined;
    }
    const isAborted = outcome === 'abandoned' || ('thrown' in outcome && running.isAbort(outcome.thrown));
    if (call.id === undefined) {
      // Nobody hears of it, so the log must.
      if (!isAborted && 'thrown' in outcome) this.errors.describe(outcome.thrown, call);
      return undefined;
    }
    // A call that was cancelled before it ended has no result, even if its handler made one. At shutdown nobody asked
    // for the end of the call, so a result that is ready counts.
    if (abortReason === 'cancelled' && (isAborted || 'result' in outcome)) return errorText(call.id, cancelled());
    if (isAborted) return errorText(call.id, shuttingDown());
    if ('thrown' in outcome) return errorText(call.id, this.errors.describe(outcome.thrown, call));
    try {
      return resultText(call.id, outcome.result);
    } catch (fault) {
      return errorText(call.id, this.errors.internal(fault, call.method));
    }
  }

  /** `$/cancelRequest`: takes no place among the running calls, so that it works when there is no more room. */
  private cancel({ id, params }: RpcRequest): string | undefined {
    const target = Array.isArray(params) ? undefined : params.id;
    if (isId(target)) {
      const running = this.unanswered.get(target);
      // Frames of one chunk come in one turn of the event loop: a call that came just before has not reached its
      // handler yet, which would then wait for an event that has been.
      setImmediate(() => {
        if (running && this.unanswered.get(target) === running) {
          running.abort('cancelled', this.settings.cancelGraceMs);
        }
      });
      return id === undefined ? undefined : resultText(id, null);
    }
    if (id === undefined) return undefined;
    return errorText(id, invalidParams([{ field: 'id', message: `must be the id of a request: ${AN_ID}` }]));
  }

  private async invoke(handler: RpcHandler, call: RpcCall): Promise<RpcOutcome> {
    const { aroundCall } = this.settings;
    if (!aroundCall) return invoke(handler, call);
    return aroundCall(call, () => invoke(handler, call)).catch((thrown: unknown) => ({ thrown }));
  }

  private logLate(outcome: Outcome, method: string): void {
    if (outcome !== 'abandoned' && 'thrown' in outcome) this.errors.late(outcome.thrown, method);
  }

  private reportIdle(): void {
    if (this.frames > 0) return;
    const waiting = this.onIdle;
    this.onIdle = [];
    for (const resolve of waiting) resolve();
  }
}

/** Runs Nest's pipeline; never rejects. An interceptor makes the result an Observable, whose last value counts. */
async function invoke(handler: RpcHandler, call: RpcCall): Promise<RpcOutcome> {
  try {
    const returned = await handler(call, call.method);
    const result: unknown = isObservable(returned)
      ? await lastValueFrom(returned, { defaultValue: undefined })
      : returned;
    return failureOf(call) ?? { result };
  } catch (thrown) {
    return { thrown };
  }
}

function invalidRequest(why: string): RpcError {
  return new RpcError(RpcErrorCode.InvalidRequest, `Invalid request: ${why}`);
}

function cancelled(): RpcError {
  return new RpcError(RpcErrorCode.RequestCancelled, 'The request was cancelled');
}

function shuttingDown(): RpcError {
  return new RpcError(RpcErrorCode.ShuttingDown, 'The server is shutting down');
}
