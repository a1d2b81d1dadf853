import { describe, expect, it, vi } from 'vitest';

import { RpcCall, type RpcConnection, type RpcId } from '#libs/jsonrpc';

import { outputNotifier } from './output.js';

function notifier(id: RpcId | undefined = 7) {
  const notify = vi.fn((_method: string, _params?: object) => Promise.resolve());
  const connection = { notify } as unknown as RpcConnection;
  const call = new RpcCall('session.execute', {}, id, connection, new AbortController().signal);
  const send = outputNotifier(call, 's_1');
  return { notify, send };
}

const chunk = (data: Buffer, seq = 0) => ({ stream: 'stdout' as const, seq, offset: 0, data });

describe('outputNotifier', () => {
  it('sends text as it is, with all that tells where it belongs', async () => {
    const { notify, send } = notifier('req');
    await send('p_1', { ...chunk(Buffer.from('größe ☃'), 3), stream: 'stderr' });

    expect(notify.mock.calls).toEqual([
      [
        'session.output',
        { sessionId: 's_1', requestId: 'req', processId: 'p_1', seq: 3, stream: 'stderr', data: 'größe ☃' },
      ],
    ]);
  });

  it('sends what is not text as base64, and says so', async () => {
    const { notify, send } = notifier();
    await send('p_1', chunk(Buffer.from([0xff, 0x00])));

    expect(notify.mock.calls[0]?.[1]).toMatchObject({ data: '/wA=', encoding: 'base64' });
  });

  it('does not call text base64', async () => {
    const { notify, send } = notifier();
    await send('p_1', chunk(Buffer.from('text')));

    expect(notify.mock.calls[0]?.[1]).not.toHaveProperty('encoding');
  });

  it('has no request to name for a notification', async () => {
    const { notify } = notifier();
    const connection = { notify } as unknown as RpcConnection;
    const call = new RpcCall('session.execute', {}, undefined, connection, new AbortController().signal);
    await outputNotifier(call, 's_1')('p_1', chunk(Buffer.from('x')));

    expect(notify.mock.calls[0]?.[1]).toMatchObject({ requestId: null });
  });

  it('makes the program wait as long as the client is behind, and hears when it has gone', async () => {
    const { notify, send } = notifier();
    notify.mockReturnValueOnce(Promise.reject(new Error('closed')));

    await expect(send('p_1', chunk(Buffer.from('x')))).rejects.toThrow('closed');
  });
});
