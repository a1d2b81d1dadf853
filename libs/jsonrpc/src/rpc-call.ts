import type { RpcConnection } from './rpc-connection.js';

/** A request's id, as the client chose it. */
export type RpcId = string | number | null;

/**
 * Why a call's signal was aborted; it is the signal's `reason`:
 * `cancelled` by `$/cancelRequest`, `disconnected` when the socket closed, `shutdown` when the server goes down.
 */
export type RpcAbortReason = 'cancelled' | 'disconnected' | 'shutdown';

/**
 * One call as guards, interceptors, pipes and handlers see it: it is the "data" of Nest's ws context
 * (`context.switchToWs().getData<RpcCall>()`), and `@RpcContext()` hands it to the handler.
 */
export class RpcCall {
  constructor(
    readonly method: string,
    /** As sent, not validated; `{}` when the client left them out. */
    readonly params: Readonly<Record<string, unknown>>,
    /** `undefined` for a notification, which is never answered. */
    readonly id: RpcId | undefined,
    readonly connection: RpcConnection,
    /** Aborted when nobody waits for the result any more; its `reason` is an {@link RpcAbortReason}. */
    readonly signal: AbortSignal,
  ) {}
}

const failures = new WeakMap<RpcCall, { thrown: unknown }>();

/** Nest ignores what an exception filter returns, so the filter leaves the failure here for the dispatcher. */
export function markFailed(call: RpcCall, thrown: unknown): void {
  failures.set(call, { thrown });
}

export function failureOf(call: RpcCall): { thrown: unknown } | undefined {
  return failures.get(call);
}
