import { afterEach, describe, expect, it } from 'vitest';

import { StatusFeed } from '../../libs/sessions/src/index.js';
import { eventually } from '../support/eventually.js';
import { EventStream } from '../support/event-stream.js';
import { docker } from '../support/leftovers.js';
import type { RpcClient } from '../support/rpc-client.js';
import { useServerProcess } from '../support/server-process.js';
import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';
import { WatchedProcess } from '../support/watched-process.js';

const EVERY_SECOND = '*/1 * * * * *';
const KEPT = 100;

const server = useServer({
  CLEAN_UP_CRON: EVERY_SECOND,
  KEPT_EVENTS: String(KEPT),
  MAX_SUBSCRIPTIONS: '10',
  HEARTBEAT_SECONDS: '1',
});
const streams: EventStream[] = [];
const clients: RpcClient[] = [];

async function listen(query = '', headers: Record<string, string> = {}, port = server.api.port): Promise<EventStream> {
  const stream = await EventStream.open(port, query, headers);
  streams.push(stream);
  return stream;
}

/** Ends with its test, so that a test that fails leaves no subscription to the next. */
async function connect(): Promise<RpcClient> {
  const client = await server.api.connect();
  clients.push(client);
  return client;
}

/** What came for this subscription, as the other channel says it. */
function told({ notifications }: RpcClient, subscriptionId: string): { name: string; data: any }[] {
  return notifications
    .filter(({ params }) => params['subscriptionId'] === subscriptionId)
    .map(({ method, params: { subscriptionId: _subscriptionId, ...data } }) => ({ name: method, data }));
}

const onTheWire = ({ events }: EventStream) => events.map(({ name, data }) => ({ name, data }));

/** `count` events of a process that nobody has, without the work of so many real ones. */
function flood(count: number): void {
  const feed = server.api.app.get(StatusFeed);
  for (let i = 0; i < count; i++) {
    feed.publish({ event: 'process.started', sessionId: 'flood', details: { processId: String(i) } });
  }
}

async function refused(stream: EventStream): Promise<number | undefined> {
  await stream.over();
  return stream.response.statusCode;
}

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.close();
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

describe('the life of a session', () => {
  it('is told by both channels alike, from its beginning to its end', async () => {
    const client = await connect();
    const { subscriptionId, cursor } = await client.call('session.subscribe');
    const stream = await listen(`?cursor=${cursor}`);
    const session = await server.session({ language: 'py', idleTimeoutMinutes: 0.1 });
    await session.sh('true');
    await stream.until('session.ended', session.id);
    await client.until(() => client.notifications.some(({ method }) => method === 'session.ended'));

    expect(told(client, subscriptionId)).toEqual(onTheWire(stream));
    expect(stream.names).toEqual(['session.created', 'session.idle', 'session.expiring', 'session.ended']);
    const [created, idle, expiring, ended] = stream.events.map(({ data }) => data);
    expect(created).toMatchObject({ sessionId: session.id, language: 'py' });
    // The one is of the wall clock, the other counted by the monotonic one: they round apart.
    expect(Math.abs(Date.parse(expiring.expiresAt) - Date.parse(idle.lastActivity) - 6_000)).toBeLessThan(1_000);
    expect(expiring.limit).toBe('idle_timeout');
    expect(ended).toMatchObject({ sessionId: session.id, endReason: 'idle_timeout' });
    expect(Date.parse(ended.at)).toBeGreaterThan(Date.parse(expiring.expiresAt) - 1_000);
    for (const { id, data } of stream.events) expect(id).toBe(data.cursor);
    await client.close();
  });

  it('ends for the reason that is told: closed, and a container that somebody removed', async () => {
    const [closed, lost] = [await server.session(), await server.session()];
    const stream = await listen('?events=session.ended');
    await server.client.call('session.close', { sessionId: closed.id });
    await docker().getContainer(lost.containerId).remove({ force: true, v: true });
    expect((await stream.until('session.ended', closed.id)).data.endReason).toBe('closed');
    expect((await stream.until('session.ended', lost.id)).data.endReason).toBe('container_lost');
  });

  it('is not told of the sandbox of an execution.run', async () => {
    const stream = await listen();
    await server.client.call('execution.run', { language: 'python', code: 'print(1)' });
    const session = await server.session();
    await stream.until('session.created', session.id);
    expect(new Set(stream.events.map(({ data }) => data.sessionId))).toEqual(new Set([session.id]));
  });
});

describe('a background process', () => {
  const ends = ({ events }: EventStream) =>
    events.map(({ name, data: { processId, endReason, exitCode, signal } }) =>
      name === 'process.started' ? [name, processId] : [name, processId, endReason, exitCode, signal],
    );

  it('is told to have started, and how it has ended, whether or not anybody reads it', async () => {
    const session = await server.session();
    const client = await connect();
    const { subscriptionId } = await client.call('session.subscribe', { sessionId: session.id });
    const stream = await listen(`?sessionId=${session.id}`);
    const run = async (script: string, attach: boolean) => {
      const more = { attach };
      const process = await WatchedProcess.start(client, session.id, 'sh', ['-c', script], more);
      await process.call('wait');
      return process;
    };
    const exited = await run('exit 7', true);
    const signaled = await run('kill -TERM $$', false);
    await client.call('process.start', { sessionId: session.id, commandName: 'no-such-program' });
    const last = await run('true', false);
    await eventually(
      () => stream.events.at(-1)?.data.processId === last.id && stream.names.at(-1),
      (name) => name === 'process.exited',
      'the last end is told',
    );

    expect(ends(stream)).toEqual([
      ['process.started', exited.id],
      ['process.exited', exited.id, 'exited', 7, null],
      ['process.started', signaled.id],
      ['process.exited', signaled.id, 'signaled', null, 'SIGTERM'],
      ['process.started', last.id],
      ['process.exited', last.id, 'exited', 0, null],
    ]);
    await client.until(() => told(client, subscriptionId).length === 6);
    expect(told(client, subscriptionId)).toEqual(onTheWire(stream));
    expect(exited.exits).toHaveLength(1);
    await client.close();
  });

  it('has ended before its session is told to have', async () => {
    const [closed, lost] = [await server.session(), await server.session()];
    const start = ({ id }: TestSession) => WatchedProcess.start(server.client, id, 'sleep', ['1000']);
    const [ofClosed, ofLost] = [await start(closed), await start(lost)];
    const streams = [await listen(`?sessionId=${closed.id}`), await listen(`?sessionId=${lost.id}`)];
    await closed.close();
    await docker().getContainer(lost.containerId).remove({ force: true, v: true });
    await Promise.all(streams.map((stream) => stream.until('session.ended')));
    expect(streams.map(ends)).toEqual([
      [
        ['process.exited', ofClosed.id, 'killed', null, 'SIGKILL'],
        ['session.ended', undefined, 'closed', undefined, undefined],
      ],
      [
        ['process.exited', ofLost.id, 'container_lost', null, null],
        ['session.ended', undefined, 'container_lost', undefined, undefined],
      ],
    ]);
  });
});

describe('a subscriber', () => {
  it('gets only the session and the events that it asked for', async () => {
    const [one, other] = [await server.session(), await server.session()];
    const stream = await listen(`?sessionId=${one.id}&events=session.ended,session.created`);
    await server.client.call('session.close', { sessionId: other.id });
    await server.client.call('session.close', { sessionId: one.id });
    await stream.until('session.ended');
    expect(stream.events.map(({ name, data }) => [name, data.sessionId])).toEqual([['session.ended', one.id]]);
  });

  it('goes on after the last event it saw, by either channel, with nothing twice and nothing missing', async () => {
    const whole = await listen();
    flood(5);
    await whole.count(5);
    const seen = whole.events.slice(0, 2);
    const { id } = seen[1]!;
    const byHeader = await listen('', { 'Last-Event-ID': id });
    // The header of a client that came back counts for more than the address that it began with.
    const byBoth = await listen(`?cursor=${whole.events[3]!.id}`, { 'Last-Event-ID': id });
    const { subscriptionId, cursor } = await server.client.call('session.subscribe', { cursor: id });
    expect(cursor).toBe(id);
    flood(1);
    await whole.count(6);
    const rest = onTheWire(whole).slice(2);
    for (const stream of [byHeader, byBoth]) {
      await stream.count(4);
      expect(onTheWire(stream)).toEqual(rest);
    }
    await server.client.until(() => told(server.client, subscriptionId).length >= 4);
    expect(told(server.client, subscriptionId)).toEqual(rest);
    await server.client.call('session.unsubscribe', { subscriptionId });
  });

  it('whose cursor has fallen out of what is kept is told of the gap, then gets what is kept', async () => {
    const { lastId } = await listen();
    flood(KEPT + 1);
    const stream = await listen('', { 'Last-Event-ID': lastId });
    await stream.count(KEPT + 1);
    expect(stream.events[0]).toMatchObject({ name: 'status.gap', data: { reason: 'overflow' } });
    expect(stream.names.slice(1)).toEqual(Array.from({ length: KEPT }, () => 'process.started'));
    expect(stream.events[1]!.data.processId).toBe('1');
  });

  it('is told nothing after it has unsubscribed, and cannot end the subscription of another socket', async () => {
    const [one, other] = [await connect(), await connect()];
    const { subscriptionId } = await one.call('session.subscribe');
    expect(await other.call('session.unsubscribe', { subscriptionId })).toEqual({
      subscriptionId,
      unsubscribed: false,
    });
    flood(1);
    await one.until(() => told(one, subscriptionId).length === 1);
    expect(await one.call('session.unsubscribe', { subscriptionId })).toEqual({ subscriptionId, unsubscribed: true });
    flood(1);
    await one.call('language.list');
    expect(told(one, subscriptionId)).toHaveLength(1);
  });

  it('over HTTP hears a heartbeat with the place to come back to, while nothing happens', async () => {
    const stream = await listen('?sessionId=nobody');
    flood(3);
    await eventually(
      () => stream.comments,
      (comments) => comments >= 2,
      'a heartbeat comes',
    );
    const again = await listen('', { 'Last-Event-ID': stream.lastId });
    flood(1);
    await again.until('process.started');
    expect(again.events).toHaveLength(1);
  });

  it('that does not read is told of what it missed when it reads again, and holds nobody up', async () => {
    const slow = await listen();
    slow.response.pause();
    const quick = await listen();
    const feed = server.api.app.get(StatusFeed);
    const total = 4_000;
    const bulk = 'x'.repeat(10_000);
    for (let i = 0; i < total; i += 50) {
      for (let j = 0; j < 50; j++) {
        feed.publish({ event: 'process.started', sessionId: bulk, details: { processId: String(i + j) } });
      }
      await quick.count(i + 50);
    }
    expect(quick.names).not.toContain('status.gap');
    expect(slow.events.length).toBeLessThan(total);
    slow.response.resume();
    await eventually(
      () => slow.events.at(-1)?.data.processId,
      (id) => id === String(total - 1),
      'the last has come',
    );
    expect(slow.names.filter((name) => name === 'status.gap')).toHaveLength(1);
    expect(slow.events.length).toBeLessThan(total);
    expect(new Set(slow.events.slice(-KEPT).map(({ data }) => data.processId)).size).toBe(KEPT);
  });
});

describe('what is refused', () => {
  it('is the page of somebody else, by its Origin or by what its browser says', async () => {
    const foreign = await listen('', { Origin: 'https://evil.example' });
    expect(await refused(foreign)).toBe(403);
    expect(foreign.response.headers['access-control-allow-origin']).toBeUndefined();
    expect(await refused(await listen('', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }))).toBe(403);
    const own = await listen('', { Origin: server.api.url });
    expect(own.response.statusCode).toBe(200);
  });

  it.each(['?events=session.nonsense', '?events=', '?cursor=nonsense', '?unknown=1', '?sessionId=a&sessionId=b'])(
    'is the address /v1/events%s',
    async (query) => {
      expect(await refused(await listen(query))).toBe(400);
    },
  );

  it('is the same on the control channel', async () => {
    for (const params of [{ events: ['session.nonsense'] }, { events: [] }, { cursor: 'nonsense' }, { unknown: 1 }]) {
      expect((await server.client.refusal('session.subscribe', params)).data['reason']).toBe('invalid_params');
    }
  });

  it('is one subscription too many, of both channels together', async () => {
    const client = await connect();
    const before = server.api.app.get(StatusFeed);
    await eventually(
      () => before.subscriptions,
      (count) => count === 0,
      'earlier subscribers are gone',
    );
    for (let i = 0; i < 9; i++) await client.call('session.subscribe');
    await listen();
    const refusal = await client.refusal('session.subscribe');
    expect(refusal.data).toMatchObject({ reason: 'quota_exceeded', quota: 'maxSubscriptions', limit: 10 });
    expect(await refused(await listen())).toBe(429);
    await client.close();
    await eventually(
      () => before.subscriptions,
      (count) => count === 1,
      'its subscriptions end with the socket',
    );
  });
});

describe('a server that is started again', () => {
  const process = useServerProcess({});

  it('ends its streams, then tells whoever comes back of the gap and of the sessions that it has taken up', async () => {
    const stream = await listen('', {}, process.port);
    const session = await process.session();
    const { id } = await stream.until('session.created', session.id);
    const stopped = process.stop('SIGTERM');
    await stream.over();
    expect(stream.response.complete).toBe(true);
    const { code, signal } = await stopped;
    expect([0, 'SIGTERM']).toContain(code ?? signal);
    await process.start();

    const again = await listen('', { 'Last-Event-ID': id }, process.port);
    await again.until('session.adopted', session.id);
    expect(again.events.map(({ name, data }) => [name, data.reason ?? data.sessionId])).toEqual([
      ['status.gap', 'server_restarted'],
      ['session.adopted', session.id],
    ]);
    const { subscriptionId } = await process.client.call('session.subscribe', { cursor: id });
    await process.client.until(() => told(process.client, subscriptionId).length === 2);
    expect(told(process.client, subscriptionId).map(({ name }) => name)).toEqual(['status.gap', 'session.adopted']);
  });

  it('tells of every end of its processes after it was killed: of those since, and of those that it has not seen', async () => {
    const session = await process.session();
    const start = (script: string) =>
      WatchedProcess.start(process.client, session.id, 'sh', ['-c', script], { stdin: 'open' });
    const stream = await listen(`?sessionId=${session.id}`, {}, process.port);
    const [unseen, seen] = [await start('sleep 3; exit 5'), await start('read line; exit 6')];
    await stream.count(2);
    const { lastId } = stream;
    await process.stop('SIGKILL');
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 1,
      'one has ended while no server lives',
    );
    await process.start();
    const again = await listen(`?sessionId=${session.id}`, { 'Last-Event-ID': lastId }, process.port);
    const { subscriptionId } = await process.client.call('session.subscribe', {
      sessionId: session.id,
      cursor: lastId,
    });
    await again.until('process.exited');
    await new WatchedProcess(process.client, seen.id).call('write', { data: '\n' });
    await again.until('session.idle');

    const words = again.events.map(({ name, data }) => [name, data.processId, data.endReason, data.exitCode]);
    expect(words).toEqual([
      ['status.gap', undefined, undefined, undefined],
      ['session.adopted', undefined, undefined, undefined],
      ['process.exited', unseen.id, 'exited', 5],
      ['process.exited', seen.id, 'exited', 6],
      ['session.idle', undefined, undefined, undefined],
    ]);
    await process.client.until(() => told(process.client, subscriptionId).length === words.length);
    expect(told(process.client, subscriptionId).slice(1)).toEqual(onTheWire(again).slice(1));
  });
});
