import type { Server } from 'node:http';

/** A connection on which nothing moves for so long is closed. WebSockets are not meant: they have a heartbeat. */
const MAX_SILENCE_MS = 120_000;

/** Sets up what the connections of a server have in common. */
export function prepareConnections(server: Server): void {
  // Node's limit of five minutes for a whole request would cut large uploads off.
  server.requestTimeout = 0;
  server.timeout = MAX_SILENCE_MS;
  // Whoever takes the body says that it may come; a refusal is then heard before gigabytes are sent for nothing.
  server.on('checkContinue', (request, response) => server.emit('request', request, response));
}
