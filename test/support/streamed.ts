import type { RpcClient } from './rpc-client.js';

export interface Chunk {
  readonly sessionId: string;
  readonly requestId: number | string;
  readonly processId: string;
  readonly seq: number;
  readonly stream: 'stdout' | 'stderr';
  readonly data: string;
  readonly encoding?: 'base64';
}

/** The session.output notifications of one request so far, in the order in which they came. */
export function chunksOf(client: RpcClient, requestId: number | string): Chunk[] {
  return client.notifications
    .filter(({ method, params }) => method === 'session.output' && params['requestId'] === requestId)
    .map(({ params }) => params as Chunk);
}

/** What the chunks say that a program wrote to a stream. */
export function bytesOf(chunks: readonly Chunk[], stream: 'stdout' | 'stderr'): Buffer {
  const own = chunks.filter((chunk) => chunk.stream === stream);
  return Buffer.concat(own.map(({ data, encoding }) => Buffer.from(data, encoding ?? 'utf8')));
}

/** Resolves when a request's program has written this to its stdout. */
export function written(client: RpcClient, requestId: number | string, text: string): Promise<void> {
  return client.until(() => bytesOf(chunksOf(client, requestId), 'stdout').includes(text), 60_000);
}
