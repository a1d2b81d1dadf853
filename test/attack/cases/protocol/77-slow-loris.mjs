import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { frameHead, rawSocket } from '../../raw.mjs';

const EACH = 100;
const HELD_MS = 1_500;
const EVERY_MS = 100;

export const number = 77;
export const title = 'slow loris';
export const tries = 'holds hundreds of connections open with requests, upgrades and frames that come byte by byte';
export const mustHappen = 'others are served as before, and nothing of it is left when the connections go';
export const why = 'a connection costs its maker nothing, and a server that waits for each has none left';

export async function run(ctx) {
  const { hostname, port } = new URL(ctx.server.url);
  const sockets = [];
  try {
    for (let each = 0; each < EACH; each++) {
      const http = connect(Number(port), hostname);
      http.on('error', () => undefined);
      sockets.push(http);
      await once(http, 'connect');
      http.write(each % 2 ? 'GET /ws/jsonrpc HTTP/1.1\r\nUpgrade: websocket\r\nX: ' : 'POST /health HTTP/1.1\r\nX: ');
      const frame = await rawSocket(ctx.server);
      sockets.push(frame);
      frame.write(frameHead(1_000_000));
    }
    for (const until = performance.now() + HELD_MS; performance.now() < until;) {
      for (const socket of sockets) if (!socket.destroyed) socket.write(' ');
      await delay(EVERY_MS);
    }
    await ctx.expectAlive();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
  ctx.held(`${sockets.length} connections that never come to a point, others served`);
}
