import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { RpcCall, RpcContext, RpcGateway, RpcMethod } from './index.js';
import { Signal, start, stopAll } from './testing/support.js';

let started = new Signal<RpcCall>();
let release = new Signal<string>();

@RpcGateway()
class WorkGateway {
  @RpcMethod('work')
  async work(@RpcContext() call: RpcCall) {
    started.settle(call);
    return release.happened;
  }

  @RpcMethod('listen')
  async listen(@RpcContext() call: RpcCall) {
    started.settle(call);
    return new Promise((_, reject) => {
      call.signal.addEventListener('abort', () => reject(call.signal.reason));
    });
  }
}

const call = (method: string, id = 1) => ({ jsonrpc: '2.0', id, method });
const shuttingDown = { error: { code: -32000, data: { reason: 'shutting_down' } } };

afterEach(async () => {
  release.settle('too late');
  await stopAll();
  started = new Signal();
  release = new Signal();
});

describe('shutdown', () => {
  it('should let running calls end, refuse new ones and new sockets, then close with 1001', async () => {
    const { app, url, connect } = await start({ providers: [WorkGateway] });
    const client = await connect();
    const idle = await connect();
    client.send(call('work'));
    await started.happened;
    const closing = app.close();
    expect(await idle.closed).toEqual({ code: 1001, reason: 'The server is shutting down' });
    expect(await client.ask(call('work', 2))).toMatchObject({ id: 2, ...shuttingDown });
    const [, response] = await once(new WebSocket(url), 'unexpected-response');
    expect(response.statusCode).toBe(503);
    release.settle('done');
    expect(await client.next()).toEqual({ jsonrpc: '2.0', id: 1, result: 'done' });
    expect(await client.closed).toMatchObject({ code: 1001 });
    await closing;
  });

  it('should abort calls that take too long, with the reason "shutdown"', async () => {
    const { app, connect } = await start({ providers: [WorkGateway] }, { drainMs: 20 });
    const client = await connect();
    client.send(call('listen'));
    const { signal } = await started.happened;
    const closing = app.close();
    expect(await client.next()).toMatchObject({ id: 1, ...shuttingDown });
    expect(signal.reason).toBe('shutdown');
    expect(await client.closed).toMatchObject({ code: 1001 });
    await closing;
  });

  it('should not wait for handlers that do not listen', async () => {
    const { app, connect } = await start({ providers: [WorkGateway] }, { drainMs: 20 });
    const client = await connect();
    client.send(call('work'));
    await started.happened;
    const closing = app.close();
    expect(await client.next()).toMatchObject({ id: 1, ...shuttingDown });
    expect(await client.closed).toMatchObject({ code: 1001 });
    await closing;
  });

  it('should not wait for clients that do not answer', async () => {
    const { app, adapter, connect } = await start({ providers: [WorkGateway] }, { closeWaitMs: 20 });
    const client = await connect();
    client.socket.pause();
    await app.close();
    expect(adapter.connections()).toEqual([]);
  });

  it('should drain in beforeApplicationShutdown, before Nest closes the servers', async () => {
    const { app, adapter, connect } = await start({ providers: [WorkGateway] });
    const client = await connect();
    const close = vi.spyOn(adapter, 'close').mockImplementation(async (server) => {
      expect(adapter.connections()).toEqual([]);
      close.mockRestore();
      await adapter.close(server);
    });
    await app.close();
    expect(await client.closed).toMatchObject({ code: 1001 });
  });

  it('should not keep a socket that asks for an upgrade when the servers are closing already', async () => {
    const { app, url } = await start({ providers: [WorkGateway] });
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    await once(socket, 'connect');
    const gone = once(socket, 'close');
    const closing = app.close();
    await vi.waitUntil(() => !app.getHttpServer().listening);
    socket.write(
      `GET ${new URL(url).pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    await gone;
    await closing;
  });

  it('should be quiet the second time', async () => {
    const { app, adapter } = await start({ providers: [WorkGateway] });
    await Promise.all([adapter.drain(), adapter.drain()]);
    await app.close();
    await adapter.drain();
  });
});
