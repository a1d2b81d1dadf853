import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

const END_OF_HEADERS = '\r\n\r\n';
/** How the reply begins; the flood itself must not hold it. */
const REPLY = '{"jsonrpc":"2.0","id":1,';
const TEXT = 0x1;
const FIN = 0x80;

/**
 * Runs a command streamed, on a connection of its own that only keeps the bytes that come: a client that worked on every
 * message while it runs would be a load on the machine that a client elsewhere is not.
 * @returns `{ reply, notes }`, as from the messages
 */
export async function flood(ctx, command) {
  const { hostname, port, pathname } = new URL(ctx.server.url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}${END_OF_HEADERS}`,
  );
  const [answer] = await once(socket, 'data');
  ctx.expect(answer.includes(' 101 '), `the server answered ${answer.toString().split('\r\n')[0]}`);
  const chunks = [answer];
  const answered = new Promise((resolve, reject) => {
    let missing;
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      missing = missing === undefined ? missingOfReply(chunks.slice(-2)) : missing - chunk.length;
      if (missing <= 0) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('the server closed the connection of a flood')));
  });
  const params = { sessionId: ctx.session.sessionId, command, stream: true };
  socket.write(masked(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.execute', params })));
  try {
    await answered;
  } finally {
    socket.destroy();
  }
  return ctx.aside(() => {
    const messages = framesOf(Buffer.concat(chunks)).map((frame) => JSON.parse(frame.toString()));
    const reply = messages.find(({ id }) => id === 1);
    return { reply: reply.result, notes: messages.flatMap(({ params }) => (params ? [params] : [])) };
  });
}

/** A client's frames must be masked; a mask of zeros leaves the text as it is. */
function masked(text) {
  const payload = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = FIN | TEXT;
  head[1] = 0x80 | 126;
  head.writeUInt16BE(payload.length, 2);
  return Buffer.concat([head, payload]);
}

/** How many bytes of the reply are still to come, once it has begun. That of a flood has a length of eight bytes. */
function missingOfReply(chunks) {
  const bytes = Buffer.concat(chunks);
  const at = bytes.indexOf(REPLY);
  return at < 8 ? undefined : Number(bytes.readBigUInt64BE(at - 8)) - (bytes.length - at);
}

/** The payloads of the text frames behind the answer to the upgrade. */
function framesOf(bytes) {
  const frames = [];
  let at = bytes.indexOf(END_OF_HEADERS) + END_OF_HEADERS.length;
  while (at < bytes.length) {
    const opcode = bytes[at] & 0x0f;
    let length = bytes[at + 1] & 0x7f;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    if (opcode === TEXT) frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}
