import { expect } from 'vitest';

import type { RpcClient, RpcFailure } from './rpc-client.js';
import { type Chunk, bytesOf } from './streamed.js';

/** A context, and a short way to run code in it. */
export class TestContext {
  constructor(
    readonly client: RpcClient,
    readonly id: string,
    readonly sessionId: string,
  ) {}

  static async create(client: RpcClient, sessionId: string, more: object = {}): Promise<TestContext> {
    const { contextId } = await client.call('context.create', { sessionId, ...more });
    return new TestContext(client, contextId, sessionId);
  }

  run(code: string, more: object = {}): Promise<any> {
    return this.call('execute', { code, ...more });
  }

  /** Begins code whose output is streamed to the client. */
  stream(code: string): { id: number; result: Promise<any> } {
    const sent = this.client.send('context.execute', { contextId: this.id, code, stream: true });
    // Owned here too: a test that fails before it comes to the reply must fail for its own reason.
    sent.result.catch(() => undefined);
    return sent;
  }

  chunks(requestId: number): Chunk[] {
    return this.client.notifications
      .filter(({ method, params }) => method === 'context.output' && params['requestId'] === requestId)
      .map(({ params }) => params as Chunk);
  }

  streamed(requestId: number): string {
    return bytesOf(this.chunks(requestId), 'stdout').toString();
  }

  async state(): Promise<string> {
    const { contexts } = await this.client.call('context.list', { sessionId: this.sessionId });
    return contexts.find(({ contextId }: any) => contextId === this.id)?.state;
  }

  call(verb: string, params: object = {}): Promise<any> {
    return this.client.call(`context.${verb}`, { contextId: this.id, ...params });
  }

  refusal(verb: string, params: object = {}): Promise<RpcFailure> {
    return this.client.refusal(`context.${verb}`, { contextId: this.id, ...params });
  }
}

/** The lines of results take what room there is, and no more; how long the id in each of them is, is not known. */
export function expectFilled(results: readonly object[], maxBytes: number): void {
  const withId = (id: number): number =>
    results.reduce((bytes: number, result) => bytes + Buffer.byteLength(`${JSON.stringify({ id, result })}\n`), 0);
  expect(withId(1)).toBeLessThanOrEqual(maxBytes);
  expect(withId(1e13)).toBeGreaterThan(maxBytes - 100);
}
