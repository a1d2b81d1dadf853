import { setTimeout as delay } from 'node:timers/promises';
import { IsString } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { RpcCall, RpcContext, RpcError, RpcErrorCode, RpcGateway, RpcMethod, RpcParams } from './index.js';
import { Signal, start, stopAll } from './testing/support.js';

class WaitParams {
  @IsString()
  how: string;
}

let started = new Signal<RpcCall>();
let ended = new Signal<unknown>();
let release = new Signal();

@RpcGateway()
class WaitGateway {
  /** Waits for its signal, then ends as it is told. */
  @RpcMethod('wait')
  async wait(@RpcParams() { how }: WaitParams, @RpcContext() call: RpcCall) {
    started.settle(call);
    try {
      if (how === 'ignore') return await release.happened;
      await delay(60_000, undefined, { signal: call.signal });
    } catch (error) {
      if (how === 'reason') throw call.signal.reason;
      if (how === 'rpc error') throw new RpcError(RpcErrorCode.RequestCancelled, 'stopped');
      if (how === 'result') return 'done after all';
      if (how === 'other error') throw new RpcError(-32008, 'The engine is gone', { reason: 'engine_unavailable' });
      throw error;
    } finally {
      ended.settle(call.signal.reason);
    }
    return undefined;
  }

  @RpcMethod('ping')
  ping() {
    return 'pong';
  }
}

const cancelled = { code: -32800, message: 'The request was cancelled', data: { reason: 'request_cancelled' } };
const cancel = (id: unknown) => ({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id } });
const wait = (how: string, id: unknown = 'a') => ({ jsonrpc: '2.0', id, method: 'wait', params: { how } });

const connect = async (cancelGraceMs = 10_000) =>
  (await start({ providers: [WaitGateway] }, { cancelGraceMs })).connect();

afterEach(async () => {
  release.settle();
  await stopAll();
  started = new Signal();
  ended = new Signal();
  release = new Signal();
});

describe('$/cancelRequest', () => {
  it.each(['abort error', 'reason', 'rpc error', 'result'])(
    'should answer the call with -32800 when its handler ends with: %s',
    async (how) => {
      const client = await connect();
      client.send(wait(how));
      const call = await started.happened;
      expect(await client.ask(cancel('a'))).toEqual({ jsonrpc: '2.0', id: 'a', error: cancelled });
      expect(call.signal.reason).toBe('cancelled');
    },
  );

  it('should not hide an error that has nothing to do with it', async () => {
    const client = await connect();
    client.send(wait('other error'));
    await started.happened;
    expect(await client.ask(cancel('a'))).toMatchObject({ error: { code: -32008 } });
  });

  it('should answer after the grace when the handler does not listen, and drop the late result', async () => {
    const client = await connect(20);
    client.send(wait('ignore'));
    await started.happened;
    expect(await client.ask(cancel('a'))).toEqual({ jsonrpc: '2.0', id: 'a', error: cancelled });
    release.settle();
    await ended.happened;
    expect(await client.call('ping')).toMatchObject({ result: 'pong' });
    expect(client.heard).toEqual([]);
  });

  it('should ignore ids that do not run, and tell "1" from 1', async () => {
    const client = await connect();
    client.send(wait('abort error', 1));
    await started.happened;
    client.send(cancel('1'));
    client.send(cancel('nobody'));
    client.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: [1] });
    expect(await client.call('ping')).toMatchObject({ error: { code: -32600 } });
    expect(await client.ask(cancel(1))).toMatchObject({ id: 1, error: cancelled });
  });

  it('should be answered when it is a request', async () => {
    const client = await connect();
    expect(await client.call('$/cancelRequest', { id: 'nobody' })).toEqual({ jsonrpc: '2.0', id: 1, result: null });
    expect(await client.call('$/cancelRequest', {})).toMatchObject({
      error: { code: -32602, data: { violations: [{ field: 'id' }] } },
    });
  });

  it('should work inside the batch of its request', async () => {
    const client = await connect();
    expect(await client.ask([wait('abort error'), cancel('a')])).toEqual([
      { jsonrpc: '2.0', id: 'a', error: cancelled },
    ]);
  });

  it('should free the id for the next call', async () => {
    const client = await connect();
    client.send(wait('abort error'));
    await started.happened;
    await client.ask(cancel('a'));
    expect(await client.ask({ jsonrpc: '2.0', id: 'a', method: 'ping' })).toMatchObject({ result: 'pong' });
  });
});

describe('ids in use', () => {
  it('should refuse the second of two calls, and let the first one end', async () => {
    const client = await connect();
    client.send(wait('abort error'));
    await started.happened;
    expect(await client.ask({ jsonrpc: '2.0', id: 'a', method: 'ping' })).toMatchObject({
      id: 'a',
      error: { code: -32600, data: { reason: 'invalid_request' } },
    });
    expect(await client.ask(cancel('a'))).toMatchObject({ id: 'a', error: cancelled });
  });
});

describe('a socket that closes', () => {
  it('should abort its calls with the reason "disconnected", and its connection', async () => {
    const client = await connect();
    client.send(wait('abort error'));
    const { connection } = await started.happened;
    const closed = new Signal<number>();
    connection.onClose(({ code }) => closed.settle(code));
    client.socket.close(1000);
    expect(await closed.happened).toBe(1000);
    expect(await ended.happened).toBe('disconnected');
    expect(connection.closed.aborted).toBe(true);
    await expect(connection.notify('late')).rejects.toThrow('closed');
    const told = new Signal<number>();
    connection.onClose(({ code }) => told.settle(code));
    expect(await told.happened).toBe(1000);
  });

  it('should abort its notifications too', async () => {
    const client = await connect();
    client.send({ jsonrpc: '2.0', method: 'wait', params: { how: 'abort error' } });
    await started.happened;
    client.socket.terminate();
    expect(await ended.happened).toBe('disconnected');
  });
});
