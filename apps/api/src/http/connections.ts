import type { Server } from 'node:http';

/** A connection on which nothing moves for so long is closed. WebSockets are not meant: they have a heartbeat. */
const MAX_SILENCE_MS = 120_000;
/** How long requests that run when the server closes have to be answered. */
const LAST_ANSWERS_MS = 2_000;

/** Sets up what the connections of a server have in common. */
export function prepareConnections(server: Server): void {
  // Node's limit of five minutes for a whole request would cut large uploads off.
  server.requestTimeout = 0;
  server.timeout = MAX_SILENCE_MS;
  // Whoever takes the body says that it may come; a refusal is then heard before gigabytes are sent for nothing.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
  boundClosing(server);
}

/**
 * Node ends idle connections when a server closes, and waits for all others without a limit: also for those that have
 * never sent a request, which it does not call idle. Any client could keep the process from its end.
 */
function boundClosing(server: Server): void {
  const close = server.close.bind(server);
  server.close = (done) => {
    const late = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS);
    server.once('close', () => clearTimeout(late));
    return close(done);
  };
}
