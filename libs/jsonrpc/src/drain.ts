import type { Dispatcher } from './dispatcher.js';
import type { JsonRpcLimits } from './options.js';
import type { WsRpcConnection } from './ws-connection.js';

const GOING_AWAY = 1001;

/** Handlers that listen to their signal end well within this. */
const ABORT_WAIT_MS = 500;

/** Ends one connection in good order; takes at most drainMs + ABORT_WAIT_MS + closeWaitMs. */
export async function drainConnection(
  connection: WsRpcConnection,
  dispatcher: Dispatcher,
  { drainMs, closeWaitMs }: Pick<JsonRpcLimits, 'drainMs' | 'closeWaitMs'>,
): Promise<void> {
  dispatcher.refuseNew();
  if (!(await within(drainMs, dispatcher.idle()))) {
    dispatcher.abortAll('shutdown');
    if (!(await within(ABORT_WAIT_MS, dispatcher.idle()))) {
      dispatcher.abandonAll();
      await dispatcher.idle();
    }
  }
  const closed = new Promise<void>((resolve) => {
    connection.onClose(() => resolve());
  });
  connection.close(GOING_AWAY, 'The server is shutting down');
  if (!(await within(closeWaitMs, closed))) {
    connection.terminate();
    await closed;
  }
}

/** Whether `event` came in time. */
async function within(ms: number, event: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const isInTime = await Promise.race([event.then(() => true), late]);
  clearTimeout(timer);
  return isInTime;
}
