import type { IncomingMessage, ServerResponse } from 'node:http';

import type { StatusSubscription } from '#libs/sessions';

import { eventMessage } from './event-message.js';

/**
 * Writes a subscription as server-sent events until it is closed or its client has gone. Only one event is ever under
 * way: the next is taken when the socket has taken this one, and the feed tells of what a slow client has missed.
 * A client that takes nothing at all is cut off by the server's limit for silent connections.
 */
export async function sendEvents(
  subscription: StatusSubscription,
  { headers }: IncomingMessage,
  response: ServerResponse,
  heartbeatMs: number,
): Promise<void> {
  const origin = headers.origin;
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
    'X-Content-Type-Options': 'nosniff',
    // The guard has let this origin in; without the header its browser would not show it what it gets.
    ...(origin === undefined ? {} : { 'Access-Control-Allow-Origin': origin, Vary: 'Origin' }),
  });
  // An id without data is no event, but it is where a client that hears nothing else comes back to.
  let isOpen = await write(response, `: CodeBeaker status events\nid: ${subscription.cursor}\n\n`);
  while (isOpen && !subscription.closed.aborted) {
    const record = await subscription.next(heartbeatMs);
    if (record) {
      const { name, data } = eventMessage(record);
      isOpen = await write(response, `id: ${record.cursor}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
    } else if (!subscription.closed.aborted) {
      isOpen = await write(response, `: heartbeat\nid: ${subscription.cursor}\n\n`);
    }
  }
  if (!response.destroyed) response.end();
}

/** Resolves when the socket has taken the text; false when it is closed. */
function write(response: ServerResponse, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve(false);
    const onClose = (): void => resolve(false);
    response.once('close', onClose);
    response.write(text, (error) => {
      response.off('close', onClose);
      resolve(!error);
    });
  });
}
