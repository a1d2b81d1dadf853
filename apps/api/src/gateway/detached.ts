import type { RpcAbortReason } from '#libs/jsonrpc';

/** Follows a call's signal, but for the loss of its socket: what asked to be detached goes on without a listener. */
export function unlessDisconnected(signal: AbortSignal): AbortSignal {
  const own = new AbortController();
  const disconnected: RpcAbortReason = 'disconnected';
  const follow = (): void => {
    if (signal.reason !== disconnected) own.abort(signal.reason);
  };
  if (signal.aborted) follow();
  else signal.addEventListener('abort', follow, { once: true });
  return own.signal;
}
