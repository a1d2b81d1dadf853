import { RpcCall, type RpcAbortReason, type RpcId } from './rpc-call.js';
import type { RpcConnection } from './rpc-connection.js';
import { RpcError, RpcErrorCode } from './rpc-error.js';

/** What became of a handler: its result, or what it, a guard or a pipe has thrown. */
export type RpcOutcome = { result: unknown } | { thrown: unknown };

/** `abandoned` when the handler was not waited for to the end. */
export type Outcome = RpcOutcome | 'abandoned';

/** A call from its start until its handler has really ended, which may be after it was answered. */
export class RunningCall {
  readonly call: RpcCall;
  /** Resolves when nobody waits for the handler any longer. */
  readonly abandoned: Promise<'abandoned'>;
  abortReason: RpcAbortReason | undefined;

  private readonly controller = new AbortController();
  private resolveAbandoned!: (outcome: 'abandoned') => void;
  private graceTimer: NodeJS.Timeout | undefined;

  constructor(
    method: string,
    params: Record<string, unknown>,
    id: RpcId | undefined,
    connection: RpcConnection,
    /** Of the frame that it came in; the members of a batch share one frame. */
    readonly bytes: number,
  ) {
    this.call = new RpcCall(method, params, id, connection, this.controller.signal);
    this.abandoned = new Promise((resolve) => (this.resolveAbandoned = resolve));
  }

  /** Asks the handler to end; after `graceMs` it is abandoned if it has not. */
  abort(reason: RpcAbortReason, graceMs: number): void {
    if (this.abortReason) return;
    this.abortReason = reason;
    this.graceTimer = setTimeout(() => this.abandon(), graceMs);
    this.controller.abort(reason);
  }

  abandon(): void {
    this.resolveAbandoned('abandoned');
  }

  /** The call has been answered. */
  settled(): void {
    clearTimeout(this.graceTimer);
  }

  /** Whether the handler threw because it was told to end, by whatever means it passes its signal on. */
  isAbort(thrown: unknown): boolean {
    if (!this.abortReason) return false;
    if (thrown === this.abortReason) return true;
    if (thrown instanceof RpcError) return thrown.code === RpcErrorCode.RequestCancelled;
    return thrown instanceof Error && thrown.name === 'AbortError';
  }
}
