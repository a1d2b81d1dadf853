import { describe, expect, it } from 'vitest';

import { containersOf } from '../support/leftovers.js';
import type { RpcClient } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';

const BURST = 40;

/** The places in the queue that a request was told, in their order. */
function placesOf(client: RpcClient, requestId: number): number[] {
  return client.notifications
    .filter(({ method, params }) => method === 'session.queued' && params['requestId'] === requestId)
    .map(({ params }) => params['position']);
}

describe('a burst of creates', () => {
  const server = useServer({ MAX_CONCURRENT_CREATES: '3', DISK_LIMIT: 'tmpfs' });

  it('ends with every session made, and tells those that wait their place', async () => {
    const sent = Array.from({ length: BURST }, () => server.client.send('session.create', { language: 'python' }));
    const made = await Promise.all(sent.map(({ result }) => result));
    expect(new Set(made.map(({ sessionId }: any) => sessionId)).size).toBe(BURST);
    expect(await containersOf(server.api.serverId)).toHaveLength(BURST);

    const places = sent.map(({ id }) => placesOf(server.client, id));
    expect(places.slice(0, 3)).toEqual([[], [], []]);
    for (const [index, told] of places.slice(3).entries()) {
      expect(told[0]).toBe(index + 1);
      expect(told).toEqual(told.toSorted((a, b) => b - a));
    }
    const runs = await Promise.all(
      made.map(({ sessionId }: any) =>
        server.client.execute(sessionId, { type: 'execute_shell', commandName: 'true' }),
      ),
    );
    expect(runs.filter(({ success }: any) => success)).toHaveLength(BURST);
  }, 180_000);
});

describe('a server with as many sessions as it gives', () => {
  const server = useServer({ MAX_SESSIONS: '2', MAX_QUEUED_CREATES: '3', DISK_LIMIT: 'tmpfs' });

  it('lets creates wait until a session ends, one caller behind the other', async () => {
    const [first, second] = [await server.session(), await server.session()];
    const other = await server.api.connect();
    const greedy = [1, 2].map(() => server.client.send('session.create', { language: 'python' }));
    await server.client.until(() => placesOf(server.client, greedy[1]!.id).length > 0);
    const modest = other.send('session.create', { language: 'python' });
    await other.until(() => placesOf(other, modest.id).length > 0);
    expect(placesOf(other, modest.id)).toEqual([2]);

    const full = await other.refusal('session.create', { language: 'python' });
    expect(full).toMatchObject({
      code: -32006,
      data: { reason: 'quota_exceeded', quota: 'maxQueuedCreates', limit: 3 },
    });
    expect((await server.client.call('session.list')).count).toBe(2);

    await first.close();
    const next = await greedy[0]!.result;
    await second.close();
    const { sessionId } = await modest.result;
    server.client.notify('$/cancelRequest', { id: greedy[1]!.id });
    await expect(greedy[1]!.result).rejects.toMatchObject({ code: -32800 });
    for (const id of [next.sessionId, sessionId]) await other.call('session.close', { sessionId: id });
  });

  it('sends away who has waited as long as it wanted to', async () => {
    const sessions = [await server.session(), await server.session()];
    const startedAt = performance.now();
    const refusal = await server.client.refusal('session.create', { language: 'python', maxWaitMs: 700 });

    expect(refusal).toMatchObject({ code: -32005, data: { reason: 'rate_limited', retryAfterMs: expect.any(Number) } });
    expect(performance.now() - startedAt).toBeGreaterThan(600);
    expect(await server.client.refusal('session.create', { language: 'python', maxWaitMs: 300_001 })).toMatchObject({
      data: { reason: 'quota_exceeded', quota: 'maxWaitMs', limit: 300_000 },
    });
    await Promise.all(sessions.map((session) => session.close()));
  });
});
