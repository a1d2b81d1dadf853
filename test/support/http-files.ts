import { once } from 'node:events';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { Readable } from 'node:stream';

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** False when the connection broke before the end of what was promised. */
  readonly whole: boolean;
}

/** A client of the data channel that hides nothing of HTTP. */
export class HttpFiles {
  constructor(
    private readonly port: number,
    private readonly sessionId: string,
  ) {}

  address(path: string): string {
    return `/v1/sessions/${this.sessionId}/files?path=${encodeURIComponent(path)}`;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<HttpReply> {
    return this.ask('GET', this.address(path), headers);
  }

  put(path: string, body: Buffer | string, headers: Record<string, string> = {}): Promise<HttpReply> {
    return this.ask('PUT', this.address(path), headers, body);
  }

  async ask(
    method: string,
    address: string,
    headers: Record<string, string> = {},
    body?: Buffer | string,
  ): Promise<HttpReply> {
    const sent = this.open(method, address, headers);
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    response.on('data', (bytes: Buffer) => parts.push(bytes));
    await closed(response);
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(parts),
      whole: response.complete,
    };
  }

  open(method: string, address: string, headers: Record<string, string> = {}) {
    const options: RequestOptions = {
      port: this.port,
      host: '127.0.0.1',
      method,
      path: address,
      headers,
      agent: false,
    };
    const sent = request(options);
    sent.on('error', () => undefined);
    return sent;
  }

  /** A socket with the head of a PUT sent on it. */
  async rawPut(path: string, headers: Record<string, string | number>): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`PUT ${this.address(path)} HTTP/1.1\r\nHost: 127.0.0.1:${this.port}\r\n${lines.join('')}\r\n`);
    return socket;
  }
}

/** Waits until a stream is over, however it ends. */
export async function closed(stream: Readable): Promise<void> {
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.once('close', resolve));
}

/** The error of a refusal's body. */
export function refusalOf({ body }: HttpReply): any {
  return JSON.parse(body.toString()).error;
}
