import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

const ANSWER_LIMIT_MS = 10_000;

/** Sends one text on a connection of its own. Answers the first frame that comes back, or the code it was closed with. */
export async function exchange({ url }, text) {
  const socket = new WebSocket(url);
  socket.on('error', () => undefined);
  await once(socket, 'open');
  const timer = new AbortController();
  try {
    return await Promise.race([
      new Promise((resolve) => {
        socket.on('message', (data) => resolve({ answer: JSON.parse(Buffer.from(data).toString()) }));
        socket.once('close', (code) => resolve({ closed: code }));
        socket.send(text, () => undefined);
      }),
      delay(ANSWER_LIMIT_MS, {}, { signal: timer.signal }),
    ]);
  } finally {
    timer.abort();
    socket.terminate();
  }
}
