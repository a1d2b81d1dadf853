import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

import { usageOf } from '../../../soak/host.mjs';

const UNREAD_MS = 1_500;
const MORE_MEMORY_MIB = 64;

export const number = 39;
export const title = 'client that does not read';
export const tries = 'has a flood streamed to a client that stops reading, and reads on later';
export const mustHappen =
  'the program waits, the server keeps next to nothing, and all comes when the client reads again';
export const why = 'output for a slow client must be kept by nobody, and must hold up nobody else';

export async function run(ctx) {
  const socket = new WebSocket(ctx.server.url);
  await once(socket, 'open');
  try {
    await unread(ctx, socket);
  } finally {
    socket.terminate();
  }
  await ctx.expectNoProcess();
}

async function unread(ctx, socket) {
  const command = { type: 'execute_shell', commandName: 'yes', timeoutMs: UNREAD_MS + 500 };
  const params = { sessionId: ctx.session.sessionId, command, stream: true };
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.execute', params }));
  await once(socket, 'message');
  socket.pause();
  const before = ctx.server.pid && (await usageOf(ctx.server.pid));
  await delay(UNREAD_MS);
  const after = ctx.server.pid && (await usageOf(ctx.server.pid));
  const grownMiB = before ? after.memoryMiB - before.memoryMiB : 0;
  ctx.expect(grownMiB < MORE_MEMORY_MIB, `the server grew by ${grownMiB.toFixed(0)} MiB`);
  let bytes = 0;
  let nextSeq = 1;
  const answered = new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('the server closed the connection')));
    socket.on('message', (data) => {
      const { id, result, params } = JSON.parse(data.toString());
      if (id === 1) {
        resolve(result);
        return;
      }
      if (params.seq !== nextSeq++) reject(new Error('the notifications have a gap'));
      bytes += params.data.length;
    });
  });
  socket.resume();
  const reply = await answered;
  const { stdoutBytes } = ctx.expectEnd(reply, 'timed_out');
  ctx.expect(
    bytes < stdoutBytes && stdoutBytes - bytes <= 65_536,
    `of ${stdoutBytes} bytes ${bytes} came after the first`,
  );
  ctx.held(
    `timed_out, all of ${(stdoutBytes / 1e6).toFixed(1)} MB came; the server grew by ${grownMiB.toFixed(0)} MiB`,
  );
}
