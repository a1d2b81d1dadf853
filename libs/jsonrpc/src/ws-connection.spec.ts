import type { Duplex } from 'node:stream';
import { IsInt } from 'class-validator';
import { afterEach, describe, expect, it } from 'vitest';
import { RpcCall, RpcConnection, RpcContext, RpcGateway, RpcMethod, RpcParams } from './index.js';
import { Client, Signal, start, stopAll } from './testing/support.js';

const MARK = 64 * 1024;

class FloodParams {
  @IsInt()
  count: number;

  @IsInt()
  bytes: number;
}

let peak = 0;
let blocked = new Signal();
let flooded = new Signal<'all sent' | 'closed'>();

@RpcGateway()
class FloodGateway {
  /** Sends notifications as fast as the client takes them, and does not wait for the last of them. */
  @RpcMethod('flood')
  flood(@RpcParams() { count, bytes }: FloodParams, @RpcContext() { connection }: RpcCall) {
    void this.send(connection, count, 'x'.repeat(bytes)).then(flooded.settle);
  }

  @RpcMethod('large')
  large(@RpcParams() { bytes }: FloodParams, @RpcContext() { connection }: RpcCall) {
    peak = Math.max(peak, connection.bufferedBytes);
    return 'x'.repeat(bytes);
  }

  @RpcMethod('shout')
  shout(@RpcContext() { connection }: RpcCall) {
    for (let n = 0; n < 3; n++) void connection.notify('shout.heard', { n });
    return 'last';
  }

  /** Goes on sending when its client has gone, without a look at what becomes of it. */
  @RpcMethod('haunt')
  haunt(@RpcContext() { connection }: RpcCall) {
    connection.onClose(() => {
      void connection.notify('boo');
      void connection.notify('boo', { big: 1n });
      setImmediate(() => flooded.settle('closed'));
    });
    for (let n = 0; n < 100; n++) void connection.notify('boo', { data: 'x'.repeat(65_536) });
  }

  @RpcMethod('mumble')
  async mumble(@RpcContext() { connection }: RpcCall) {
    return connection.notify('mumble.heard', { big: 1n }).catch((error: unknown) => String(error));
  }

  private async send(connection: RpcConnection, count: number, data: string): Promise<'all sent' | 'closed'> {
    for (let n = 0; n < count; n++) {
      const room = connection.notify('flood.data', { n, data });
      peak = Math.max(peak, connection.bufferedBytes);
      if (connection.bufferedBytes > MARK) blocked.settle();
      try {
        await room;
      } catch {
        return 'closed';
      }
    }
    return 'all sent';
  }
}

const boot = (options = {}) => start({ providers: [FloodGateway] }, { highWaterMarkBytes: MARK, ...options });

afterEach(async () => {
  await stopAll();
  peak = 0;
  blocked = new Signal();
  flooded = new Signal();
});

/** Time that passes in events: calls of another client, which must not suffer. */
async function roundTrips(client: Client, count = 50): Promise<void> {
  for (let n = 0; n < count; n++)
    expect(await client.call('large', { count: 1, bytes: 1 })).toMatchObject({ result: 'x' });
}

describe('notifications', () => {
  it('should keep their order, and come before the reply that is sent after them', async () => {
    const client = await (await boot()).connect();
    client.send({ jsonrpc: '2.0', id: 1, method: 'shout' });
    for (let n = 0; n < 3; n++) {
      expect(await client.next()).toEqual({ jsonrpc: '2.0', method: 'shout.heard', params: { n } });
    }
    expect(await client.next()).toMatchObject({ id: 1, result: 'last' });
  });

  it('should be refused when they are not JSON', async () => {
    expect(await (await (await boot()).connect()).call('mumble')).toMatchObject({
      result: expect.stringContaining('BigInt'),
    });
  });

  it('should wait for a client that does not read, with bounded memory, and for no other', async () => {
    const { connect } = await boot();
    const [slow, other] = [await connect(), await connect()];
    await slow.call('large', { count: 1, bytes: 1 });
    slow.socket.pause();
    slow.send({ jsonrpc: '2.0', method: 'flood', params: { count: 400, bytes: 65_536 } });
    await blocked.happened;
    await roundTrips(other);
    expect(peak).toBeLessThan(MARK + 66_000);
    slow.socket.resume();
    for (let n = 0; n < 400; n++) expect((await slow.next()).params?.['n']).toBe(n);
    expect(await flooded.happened).toBe('all sent');
    expect(peak).toBeLessThan(MARK + 66_000);
  });

  it('should be rejected when the client goes while they wait', async () => {
    const slow = await (await boot()).connect();
    slow.socket.pause();
    slow.send({ jsonrpc: '2.0', method: 'flood', params: { count: 400, bytes: 65_536 } });
    await blocked.happened;
    slow.socket.terminate();
    expect(await flooded.happened).toBe('closed');
  });

  it('should not end the process when nobody looks at their rejection', async () => {
    const client = await (await boot()).connect();
    client.send({ jsonrpc: '2.0', method: 'haunt' });
    await client.next();
    client.socket.terminate();
    // An unhandled rejection would fail the run.
    expect(await flooded.happened).toBe('closed');
  });

  it('should not keep their client from being heard', async () => {
    const client = await (await boot()).connect();
    client.send({ jsonrpc: '2.0', method: 'flood', params: { count: 2_000, bytes: 16_384 } });
    await client.next();
    client.send({ jsonrpc: '2.0', id: 'during', method: 'large', params: { count: 1, bytes: 1 } });
    let before = 1;
    while ((await client.next()).id !== 'during') before++;
    expect(before).toBeLessThan(2_000);
  });
});

describe('a client that sends and does not read', () => {
  it('should not be read from either, so that replies do not pile up', async () => {
    const { connect, adapter } = await boot();
    const [greedy, other] = [await connect(), await connect()];
    greedy.socket.pause();
    const calls = 20_000;
    for (let id = 0; id < calls; id++) {
      greedy.send({ jsonrpc: '2.0', id, method: 'large', params: { count: 1, bytes: 4_096 } });
    }
    const [connection] = adapter.connections();
    let unread = 0;
    // Once it stands still, nothing but the kernel's buffers has changed for so many calls of somebody else.
    for (let same = 0; unread === 0 || same < 20; same++) {
      await roundTrips(other, 1);
      const now = connection?.bufferedBytes ?? 0;
      if (now !== unread) same = 0;
      unread = now;
      peak = Math.max(peak, now);
    }
    expect(unread).toBeGreaterThan(4 * MARK);
    // The mark to stop at, the calls in flight then, and refusals for the rest of a 64 KiB chunk of small frames.
    expect(peak).toBeLessThan(4 * MARK + 256 * 4_200 + 1_000 * 200);
    greedy.socket.resume();
    for (let n = 0; n < calls; n++) await greedy.nextText();
    expect(await greedy.call('large', { count: 1, bytes: 1 })).toMatchObject({ result: 'x' });
  });

  it('should be ended when more than the limit is unread', async () => {
    const { connect, adapter } = await boot({ maxBufferedBytes: 8 * 1024 * 1024 });
    const client = await connect();
    const ended = new Signal<number>();
    for (const connection of adapter.connections()) connection.onClose(({ code }) => ended.settle(code));
    client.socket.pause();
    for (let id = 0; id < 10; id++) {
      client.send({ jsonrpc: '2.0', id, method: 'large', params: { count: 1, bytes: 4 * 1024 * 1024 } });
    }
    expect(await ended.happened).toBe(1006);
  });

  it('should get no more pongs than it reads', async () => {
    const { connect, adapter } = await boot({ highWaterMarkBytes: 1_024 });
    const [client, other] = [await connect(), await connect()];
    const [connection] = adapter.connections();
    client.socket.pause();
    for (let n = 0; n < 100_000; n++) client.socket.ping('x'.repeat(125));
    await roundTrips(other, 200);
    expect(connection?.bufferedBytes).toBeLessThan(4 * 1_024 + 128 * 1_024);
  });
});

describe('a client that sends without end', () => {
  it('should leave the turns of the event loop to others as well', async () => {
    const { app, connect } = await boot();
    let [inTurn, most] = [0, 0];
    app.getHttpServer().on('upgrade', (_request: unknown, socket: Duplex) => {
      socket.on('data', (chunk: Buffer) => {
        if (inTurn === 0) setImmediate(() => (inTurn = 0));
        inTurn += chunk.length;
        most = Math.max(most, inTurn);
      });
    });
    const client = await connect();
    const padding = 'x'.repeat(8 * 1024 * 1024);
    expect(await client.call('large', { count: 1, bytes: 1, padding })).toMatchObject({ error: { code: -32602 } });
    expect(await client.call('large', { count: 1, bytes: 1 })).toMatchObject({ result: 'x' });
    // Node pauses a stream behind the read that follows.
    expect(most).toBeLessThanOrEqual(2 * 65_536);
  });
});

describe('the heartbeat', () => {
  it('should end a client that shows no life, and leave the others', async () => {
    const { url } = await boot({ heartbeatIntervalMs: 100 });
    const dead = await Client.connect(url, { autoPong: false });
    const alive = await Client.connect(url);
    const busy = await Client.connect(url, { autoPong: false });
    const over = new AbortController();
    const chatter = (async () => {
      let calls = 0;
      for (; !over.signal.aborted; calls++) await busy.call('large', { count: 1, bytes: 1 });
      return calls;
    })();
    expect(await dead.closed).toMatchObject({ code: 1006 });
    over.abort();
    expect(await chatter).toBeGreaterThan(1);
    expect(await alive.call('large', { count: 1, bytes: 1 })).toMatchObject({ result: 'x' });
    expect(await busy.call('large', { count: 1, bytes: 1 })).toMatchObject({ result: 'x' });
  });

  it('should end a client that neither reads nor sends while it has much unread', async () => {
    const client = await (await boot({ heartbeatIntervalMs: 40 })).connect();
    client.socket.pause();
    client.send({ jsonrpc: '2.0', method: 'flood', params: { count: 400, bytes: 65_536 } });
    expect(await flooded.happened).toBe('closed');
  });
});
