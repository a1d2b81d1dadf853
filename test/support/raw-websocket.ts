import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export const TEXT = 0x1;
export const BINARY = 0x2;
const CLOSE = 0x8;
const FIN = 0x80;
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;
const MAX_7_BIT = 125;
const MAX_16_BIT = 65_535;

interface Frame {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** The length that the header tells of, where it is not the payload's. */
  readonly announcedBytes?: number;
}

/** A WebSocket client that speaks the protocol by hand, so that it can break every rule of it. */
export class RawWebSocket {
  /** Text frames from the server, parsed. */
  readonly messages: any[] = [];
  closeCode: number | undefined;
  private received = Buffer.alloc(0);
  private readonly listeners = new Set<() => void>();
  private over = false;

  private constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.over = true;
      this.wake();
    });
  }

  static async open(port: number, path = '/ws/jsonrpc'): Promise<RawWebSocket> {
    const socket = connect(port, '127.0.0.1');
    const client = new RawWebSocket(socket);
    await once(socket, 'connect');
    const key = randomBytes(16).toString('base64');
    const head = [`GET ${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: Upgrade', 'Upgrade: websocket'];
    socket.write([...head, `Sec-WebSocket-Key: ${key}`, 'Sec-WebSocket-Version: 13', '', ''].join('\r\n'));
    let answer = Buffer.alloc(0);
    while (!answer.includes('\r\n\r\n')) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      answer = Buffer.concat([answer, bytes]);
    }
    if (!answer.toString().startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${answer.toString()}`);
    client.take(answer.subarray(answer.indexOf('\r\n\r\n') + 4));
    socket.on('data', (bytes: Buffer) => client.take(bytes));
    return client;
  }

  get isOver(): boolean {
    return this.over;
  }

  send(payload: string | Buffer, { opcode = TEXT, fin = true, masked = true, announcedBytes }: Frame = {}): void {
    const bytes = Buffer.from(payload);
    const mask = masked ? randomBytes(4) : Buffer.alloc(0);
    const body = masked ? bytes.map((byte, at) => byte ^ (mask[at % 4] ?? 0)) : bytes;
    const length = lengthOf(announcedBytes ?? bytes.length, masked);
    this.socket.write(Buffer.concat([Buffer.from([(fin ? FIN : 0) | opcode]), length, mask, body]));
  }

  /** A request; its answer is among the messages when it has come. */
  request(id: number | string | null, method: string, params: object = {}): void {
    this.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
  }

  /** Resolves when the condition holds, asked again at every frame and at the end. */
  async until(condition: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.listeners.delete(check);
        reject(new Error(`it did not come that ${what}; seen: ${JSON.stringify(this.messages).slice(0, 2000)}`));
      }, timeoutMs);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.listeners.delete(check);
        resolve();
      };
      this.listeners.add(check);
    });
  }

  /** The first message that answers to this id. */
  async answer(id: number | string | null): Promise<any> {
    const find = (): unknown => this.messages.find((message) => !Array.isArray(message) && message.id === id);
    await this.until(() => find() !== undefined, `request ${id} is answered`);
    return find();
  }

  close(): void {
    this.socket.destroy();
  }

  private take(bytes: Buffer): void {
    this.received = Buffer.concat([this.received, bytes]);
    for (;;) {
      const [first, second] = this.received;
      if (first === undefined || second === undefined) break;
      const short = second & 0x7f;
      const headBytes = short === LENGTH_64 ? 10 : short === LENGTH_16 ? 4 : 2;
      if (this.received.length < headBytes) break;
      const length =
        short === LENGTH_64
          ? Number(this.received.readBigUInt64BE(2))
          : short === LENGTH_16
            ? this.received.readUInt16BE(2)
            : short;
      if (this.received.length < headBytes + length) break;
      const payload = this.received.subarray(headBytes, headBytes + length);
      this.received = this.received.subarray(headBytes + length);
      if ((first & 0x0f) === TEXT) this.messages.push(JSON.parse(payload.toString()));
      if ((first & 0x0f) === CLOSE) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    }
    this.wake();
  }

  private wake(): void {
    for (const listener of this.listeners) listener();
  }
}

function lengthOf(bytes: number, masked: boolean): Buffer {
  const flag = masked ? MASKED : 0;
  if (bytes <= MAX_7_BIT) return Buffer.from([flag | bytes]);
  if (bytes <= MAX_16_BIT) return Buffer.from([flag | LENGTH_16, bytes >> 8, bytes & 0xff]);
  const long = Buffer.alloc(9);
  long[0] = flag | LENGTH_64;
  long.writeBigUInt64BE(BigInt(bytes), 1);
  return long;
}
