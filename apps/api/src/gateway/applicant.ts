import type { RpcCall } from '#libs/jsonrpc';
import type { CreateOptions } from '#libs/sessions';

/** Who waits for a session by this call; each place in the queue is told as `session.queued`. */
export function applicantOf({ connection, id, signal }: RpcCall): CreateOptions {
  let isTelling = false;
  const onQueued = (position: number): void => {
    // A client that takes nothing is told of the places that it is at when it does.
    if (isTelling) return;
    isTelling = true;
    void connection
      .notify('session.queued', { requestId: id ?? null, position })
      .catch(() => undefined)
      .finally(() => (isTelling = false));
  };
  return { caller: connection.id, signal, onQueued };
}
