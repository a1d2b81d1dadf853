import { AgentSilentError } from './agent-error.js';
import type { Exchange, ExchangeResponse } from './exchange.js';

/** For calls that say no time of their own. */
const DEFAULT_LIMIT_MS = 30_000;
/** How much later than its own limit an agent may answer. */
export const REPLY_GRACE_MS = 5_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What any call may be given. */
export interface CallOptions {
  /** Aborting it makes the agent give up; the call then rejects with AgentError `cancelled`. */
  readonly signal?: AbortSignal;
  /** Time that the agent may take, ms; then the call rejects with AgentError `timed_out`. */
  readonly timeoutMs?: number;
}

/**
 * Waits for an exchange's response, passes an abort on, and gives up on an agent that keeps no time: one in a container
 * that stands still, or behind an engine that hangs.
 * @param isOurTurn whether it is this side that lets the agent wait
 * @throws AgentSilentError
 */
export async function settle(
  exchange: Exchange,
  { signal, timeoutMs }: CallOptions,
  isOurTurn = (): boolean => false,
): Promise<ExchangeResponse> {
  const onAbort = (): void => exchange.cancel(signal?.reason === 'disconnected' ? 'disconnected' : 'cancelled');
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  let timer: NodeJS.Timeout | undefined;
  const watch = (afterMs: number): void => {
    timer = setTimeout(() => {
      // A taker that is slow, or output that still comes, is no silence.
      if (exchange.isBusy(REPLY_GRACE_MS) || isOurTurn()) watch(REPLY_GRACE_MS);
      else exchange.abandon(new AgentSilentError(afterMs));
    }, afterMs);
  };
  watch(Math.min((timeoutMs ?? DEFAULT_LIMIT_MS) + REPLY_GRACE_MS, MAX_TIMER_MS));
  try {
    return await exchange.response;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
