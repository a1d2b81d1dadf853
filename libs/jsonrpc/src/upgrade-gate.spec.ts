import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RpcCall, RpcContext, RpcGateway, RpcMethod, type JsonRpcWsOptions } from './index.js';
import { Client, Signal, start, stopAll } from './testing/support.js';

@RpcGateway()
class WhoGateway {
  @RpcMethod('who')
  who(@RpcContext() { connection }: RpcCall) {
    const { id, url, headers, remoteAddress } = connection;
    return { id, url, agent: headers['user-agent'], remoteAddress, name: connection.state.get('name') };
  }
}

/** Status and body of a refused upgrade. */
async function refusal(url: string, options?: object): Promise<{ status: number | undefined; body: string }> {
  const socket = new WebSocket(url, options);
  const [, response] = await once(socket, 'unexpected-response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode, body };
}

const verifyClient: JsonRpcWsOptions['verifyClient'] = async ({ headers }) => {
  if (headers.authorization === 'broken') throw new Error('the key store is gone');
  if (headers.authorization === 'slow') return new Promise(() => undefined);
  return headers.authorization === 'ann'
    ? { ok: true, state: { name: 'Ann' } }
    : { ok: false, status: 401, message: 'No such key' };
};

afterEach(stopAll);

describe('the upgrade', () => {
  it('should hand what verifyClient found to the connection', async () => {
    const { url } = await start({ providers: [WhoGateway] }, { verifyClient });
    const headers = { authorization: 'ann', 'user-agent': 'spec' };
    const client = await Client.connect(`${url}?x=1`, { headers });
    expect((await client.call('who')).result).toEqual({
      id: expect.any(String),
      url: '/ws/jsonrpc?x=1',
      agent: 'spec',
      remoteAddress: '127.0.0.1',
      name: 'Ann',
    });
  });

  it('should be refused as verifyClient says, with 500 when it fails, with 503 when it takes too long', async () => {
    const { url } = await start({ providers: [WhoGateway] }, { verifyClient, verifyTimeoutMs: 20 });
    const as = (authorization: string) => refusal(url, { headers: { authorization } });
    expect(await as('bob')).toEqual({ status: 401, body: 'No such key' });
    expect(await as('broken')).toMatchObject({ status: 500, body: expect.not.stringContaining('key store') });
    expect(await as('slow')).toMatchObject({ status: 503 });
  });

  it('should be refused when there are too many connections, those not yet verified included', async () => {
    const door = new Signal();
    const arrived = new Signal();
    const options: JsonRpcWsOptions = {
      maxConnections: 2,
      verifyClient: async () => {
        arrived.settle();
        await door.happened;
        return { ok: true };
      },
    };
    const { url, adapter } = await start({ providers: [WhoGateway] }, options);
    const first = Client.connect(url);
    const second = Client.connect(url);
    await arrived.happened;
    expect(await refusal(url)).toMatchObject({ status: 503 });
    door.settle();
    await Promise.all([first, second]);
    expect(adapter.connections()).toHaveLength(2);
    expect(await refusal(url)).toMatchObject({ status: 503 });
    (await first).socket.close();
    await (
      await first
    ).closed;
    expect(await (await Client.connect(url)).call('who')).toMatchObject({ id: 1 });
  });

  it('should survive requests that are reset while they are refused', async () => {
    const { url, connect } = await start({ providers: [WhoGateway] });
    const { port } = new URL(url);
    for (const request of ['GET /nowhere HTTP/1.1\r\nHost: x', 'GET /ws/jsonrpc HTTP/1.1\r\nHost: [']) {
      for (let n = 0; n < 20; n++) {
        const socket = connectTcp(Number(port), '127.0.0.1');
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(`${request}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`, () => socket.resetAndDestroy());
        await once(socket, 'close');
      }
    }
    expect(await (await connect()).call('who')).toMatchObject({ id: 1 });
  });
});
