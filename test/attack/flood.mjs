import { once } from 'node:events';
import { WebSocket } from 'ws';

/**
 * Runs a command streamed, on a connection of its own, and only keeps what comes: a client that worked on every message
 * while it runs would be a load on the machine that a client elsewhere is not.
 * @returns `{ reply, notes }`, as from the messages
 */
export async function flood(ctx, command) {
  const socket = new WebSocket(ctx.server.url, { skipUTF8Validation: true, perMessageDeflate: false });
  await once(socket, 'open');
  const frames = [];
  const answered = new Promise((resolve, reject) => {
    socket.on('message', (data) => {
      frames.push(data);
      if (data.subarray(0, 64).includes('"id":1')) resolve();
    });
    socket.once('close', () => reject(new Error('the server closed the connection of a flood')));
  });
  const params = { sessionId: ctx.session.sessionId, command, stream: true };
  socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.execute', params }));
  try {
    await answered;
  } finally {
    socket.terminate();
  }
  return ctx.aside(() => {
    const messages = frames.map((frame) => JSON.parse(frame.toString()));
    const reply = messages.find(({ id }) => id === 1);
    return { reply: reply.result, notes: messages.flatMap(({ params }) => (params ? [params] : [])) };
  });
}
