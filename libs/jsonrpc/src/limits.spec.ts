import { once } from 'node:events';
import { IsInt, IsOptional } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { RpcCall, RpcContext, RpcGateway, RpcMethod, RpcParams, type JsonRpcWsOptions } from './index.js';
import { Client, Signal, start, stopAll, type Message } from './testing/support.js';

class EchoParams {
  @IsOptional()
  value?: unknown;
}

class HoldParams {
  @IsInt()
  size = 0;
}

let release = new Signal();
let running = 0;

@RpcGateway()
class EchoGateway {
  @RpcMethod('echo')
  echo(@RpcParams() { value }: EchoParams) {
    return value;
  }

  @RpcMethod('hold')
  async hold(@RpcParams() _params: HoldParams, @RpcContext() call: RpcCall) {
    running++;
    await Promise.race([release.happened, once(call.signal, 'abort')]);
    running--;
  }
}

const connect = async (options?: JsonRpcWsOptions) => (await start({ providers: [EchoGateway] }, options)).connect();
const echo = (id: number, value: unknown = id) => ({ jsonrpc: '2.0', id, method: 'echo', params: { value } });
const hold = (id: number) => ({ jsonrpc: '2.0', id, method: 'hold' });
const invalid = { id: null, error: { code: -32600, data: { reason: 'invalid_request' } } };
const limited = { error: { code: -32005, data: { reason: 'rate_limited', retryAfterMs: expect.any(Number) } } };

afterEach(async () => {
  release.settle();
  await stopAll();
  release = new Signal();
  running = 0;
});

describe('calls at a time', () => {
  it('should answer a thousand concurrent calls, each with its own result', async () => {
    const client = await connect({ maxInFlight: 1_000 });
    for (let id = 0; id < 1_000; id++) client.send(echo(id));
    const replies = new Map<unknown, unknown>();
    while (replies.size < 1_000) {
      const { id, result } = await client.next();
      replies.set(id, result);
    }
    expect([...replies].every(([id, result]) => id === result)).toBe(true);
  });

  it('should be bounded: more get -32005, notifications more than that get nothing', async () => {
    const client = await connect({ maxInFlight: 2 });
    client.send(hold(1));
    client.send(hold(2));
    client.send({ jsonrpc: '2.0', method: 'hold' });
    expect(await client.ask(hold(3))).toMatchObject({ id: 3, ...limited });
    expect(running).toBe(2);
    release.settle();
    await client.next();
    await client.next();
    expect(await client.ask(echo(4))).toMatchObject({ result: 4 });
  });

  it('should leave room for cancelling when there is none for calls', async () => {
    const client = await connect({ maxInFlight: 1 });
    client.send(hold(1));
    const reply = await client.ask({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 1 } });
    expect(reply).toMatchObject({ id: 1, error: { code: -32800 } });
  });

  it('should be bounded within a batch', async () => {
    const client = await connect({ maxInFlight: 2 });
    const replies = await client.ask<Message[]>([echo(1), echo(2), echo(3)]);
    expect(replies).toMatchObject([{ result: 1 }, { result: 2 }, { id: 3, ...limited }]);
  });

  it('should be bounded in bytes, of which a single frame may be any number', async () => {
    const client = await connect({ maxInFlightBytes: 1_000 });
    expect(await client.ask(echo(1, 'x'.repeat(2_000)))).toMatchObject({ id: 1, result: expect.any(String) });
    client.send(hold(2));
    expect(await client.ask(echo(3, 'x'.repeat(2_000)))).toMatchObject({ id: 3, ...limited });
    expect(await client.ask(echo(4))).toMatchObject({ result: 4 });
  });
});

describe('frames', () => {
  it('should have no more members in a batch than allowed', async () => {
    const client = await connect({ maxBatch: 3 });
    expect(await client.ask([echo(1), echo(2), echo(3)])).toHaveLength(3);
    expect(await client.ask([echo(1), echo(2), echo(3), echo(4)])).toMatchObject(invalid);
    // Commas elsewhere do not count.
    expect(await client.ask([echo(1, [1, 2, 3, 4, 5]), echo(2, 'a,b,c,"d",e')])).toHaveLength(2);
  });

  it('should be no deeper than allowed, however deep', async () => {
    const client = await connect({ maxDepth: 4 });
    expect(await client.ask(echo(1, [[1]]))).toMatchObject({ result: [[1]] });
    expect(await client.ask(echo(1, [[[1]]]))).toMatchObject(invalid);
    expect(await client.ask(echo(1, '[[[[[['))).toMatchObject({ result: '[[[[[[' });
    expect(await client.ask('['.repeat(1e6))).toMatchObject(invalid);
    expect(await client.ask('{"a":'.repeat(1e6))).toMatchObject(invalid);
    expect(await client.ask(`${'['.repeat(1e6)}${']'.repeat(1e6)}`)).toMatchObject(invalid);
  });

  it('should have no more values than allowed', async () => {
    const client = await connect({ maxValues: 100 });
    expect(await client.ask(echo(1, Array.from({ length: 50 })))).toMatchObject({ id: 1 });
    expect(await client.ask(echo(1, Array.from({ length: 100 })))).toMatchObject(invalid);
  });

  it('should be answered before the socket is closed when they are too large', async () => {
    const client = await connect({ maxPayloadBytes: 1_000 });
    expect(await client.ask(echo(1, 'x'.repeat(1_000)))).toMatchObject({
      ...invalid,
      error: { message: expect.stringContaining('1000 bytes') },
    });
    expect(await client.closed).toEqual({ code: 1009, reason: 'a frame may have at most 1000 bytes' });
  });

  it('should close the socket with 1007 when their text is not UTF-8, and harm nobody else', async () => {
    const { connect } = await start({ providers: [EchoGateway] });
    const [client, other] = [await connect(), await connect()];
    client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await client.closed).toMatchObject({ code: 1007 });
    expect(await other.ask(echo(1))).toMatchObject({ result: 1 });
  });

  it('should arrive in fragments as well', async () => {
    const client = await connect();
    const text = JSON.stringify(echo(1, 'ünïcödé'));
    const bytes = Buffer.from(text);
    const middle = bytes.indexOf('ö') + 1;
    client.socket.send(bytes.subarray(0, middle), { binary: false, fin: false });
    client.socket.send(bytes.subarray(middle), { binary: false, fin: true });
    expect(await client.next()).toMatchObject({ result: 'ünïcödé' });
  });
});

describe('a client that comes back', () => {
  it('should find its ids free', async () => {
    const { connect } = await start({ providers: [EchoGateway] });
    const first = await connect();
    first.send(hold(1));
    expect(await first.ask(echo(2))).toMatchObject({ result: 2 });
    first.socket.terminate();
    await first.closed;
    const second: Client = await connect();
    expect(await second.ask(echo(1))).toMatchObject({ result: 1 });
  });
});
