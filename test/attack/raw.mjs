import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

const MASKED = 0x80;
const TEXT_AND_FIN = 0x81;
const LENGTH_64 = 127;

/** A bare connection to the server that has been upgraded by hand, and obeys no rule of WebSocket. Yours to destroy. */
export async function rawSocket({ url }) {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const head = [`GET ${pathname} HTTP/1.1`, `Host: ${hostname}`, 'Connection: Upgrade', 'Upgrade: websocket'];
  const key = randomBytes(16).toString('base64');
  socket.write([...head, `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13', '', ''].join('\r\n'));
  const [answer] = await once(socket, 'data');
  if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${answer.toString()}`);
  return socket;
}

/** The head of a text frame that says it will be so long, with a mask of zeros. */
export function frameHead(bytes) {
  const head = Buffer.alloc(14);
  head[0] = TEXT_AND_FIN;
  head[1] = MASKED | LENGTH_64;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}
