import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ContainerEvents } from '../support/container-events.js';
import { eventually } from '../support/eventually.js';
import { containersOf, volumesOf } from '../support/leftovers.js';
import type { RpcClient } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import { bytesOf, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const CANCELLED = { code: -32800, data: { reason: 'request_cancelled' } };
/** Says that it runs, and leaves something behind that the group of the leader does not reach. */
const ENDLESS = '(setsid sleep 995 &); echo running; sleep 994';

// One at a time, so that a second session.create waits for the first.
const server = useServer({ MAX_CONCURRENT_CREATES: '1' });
let box: TestSession;
let events: ContainerEvents;

beforeAll(async () => {
  box = await server.session();
  events = await ContainerEvents.follow(server.api.serverId);
});

afterAll(() => events.close());

const cancel = (id: unknown, client = server.client): void => client.notify('$/cancelRequest', { id });

async function endless(session: TestSession, client = server.client): Promise<{ id: number; result: Promise<any> }> {
  const run = session.stream('execute_shell', { commandName: 'sh', args: ['-c', ENDLESS] }, client);
  await written(client, run.id, 'running\n');
  await eventually(
    () => session.programs(),
    (programs) => programs.includes('sleep 994') && programs.includes('sleep 995'),
    'both of its sleeps run',
  );
  return run;
}

async function sessionIds(): Promise<string[]> {
  const { sessions } = await server.client.call('session.list');
  return sessions.map(({ sessionId }: any) => sessionId);
}

/** The containers and volumes that the server has on the engine. */
async function onTheEngine(): Promise<string[]> {
  const containers = await containersOf(server.api.serverId);
  return [...containers.map(({ Id }) => Id), ...(await volumesOf(server.api.serverId))].sort();
}

describe('$/cancelRequest of a running command', () => {
  it('is answered with -32800 when nothing of the command is left, and the session goes on', async () => {
    const session = await server.session();
    const run = await endless(session);
    expect(await session.state()).toBe('Active');
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toEqual([]);
    expect(await session.state()).toBe('Idle');
    expect(await session.sh('echo alive')).toBe('alive\n');
    expect(await session.state()).toBe('Idle');
    await session.close();
  });

  it('reaches a command that is not streamed', async () => {
    const session = await server.session();
    await session.sh('mkfifo started');
    const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', 'echo go > started; sleep 992'] };
    const run = server.client.send('session.execute', { sessionId: session.id, command });
    run.result.catch(() => undefined);
    expect(await session.sh('cat started')).toBe('go\n');
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toEqual([]);
    await session.close();
  });

  it('reaches a program that ignores signals', async () => {
    const session = await server.session();
    const script = 'trap "" TERM INT HUP QUIT; echo running; while :; do sleep 991; done';
    const run = session.stream('execute_shell', { commandName: 'sh', args: ['-c', script] });
    await written(server.client, run.id, 'running\n');
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toEqual([]);
    await session.close();
  });

  it('stops a flood, whose output is then at its end', async () => {
    const session = await server.session();
    const run = session.stream('execute_shell', { commandName: 'yes' });
    await server.client.until(() => chunksOf(server.client, run.id).length > 3, 60_000);
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    const got = chunksOf(server.client, run.id).length;
    expect(await session.programs()).toEqual([]);
    await session.sh('true');
    expect(chunksOf(server.client, run.id)).toHaveLength(got);
    expect(bytesOf(chunksOf(server.client, run.id), 'stdout').length).toBeGreaterThan(0);
    await session.close();
  });

  it('ends execute_code with the files that were made for it', async () => {
    const session = await server.session({ language: 'go' });
    const code =
      'package main\n\nimport (\n\t"fmt"\n\t"time"\n)\n\nfunc main() {\n\tfmt.Println("running")\n\ttime.Sleep(time.Hour)\n}\n';
    const before = await files(session);
    const run = session.stream('execute_code', { code });
    await written(server.client, run.id, 'running\n');
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toEqual([]);
    expect(await files(session)).toEqual(before);
    await session.close();
  });

  it('ends that command and no other, of the same session and on the same socket', async () => {
    const session = await server.session();
    await session.sh('mkfifo fifo');
    const other = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo other; cat fifo'] });
    await written(server.client, other.id, 'other\n');
    const run = await endless(session);
    cancel(run.id);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toContain('cat fifo');
    await session.sh('echo go > fifo');
    expect(await other.result).toMatchObject({ success: true, result: { stdout: 'other\ngo\n', exitCode: 0 } });
    await session.close();
  });

  it('ends every one of ten at once', async () => {
    const session = await server.session();
    const runs = await Promise.all(Array.from({ length: 10 }, () => endless(session)));
    for (const { id } of runs) cancel(id);
    for (const { result } of runs) await expect(result).rejects.toMatchObject(CANCELLED);
    expect(await session.programs()).toEqual([]);
    expect(await session.state()).toBe('Idle');
    await session.close();
  });

  it('right behind the request itself is heeded too', async () => {
    for (let round = 0; round < 10; round++) {
      const run = box.stream('execute_shell', { commandName: 'sleep', args: ['990'] });
      cancel(run.id);
      await expect(run.result).rejects.toMatchObject(CANCELLED);
    }
    expect(await box.programs()).toEqual([]);
    expect(await box.state()).toBe('Idle');
  });

  it('sent twice is answered once', async () => {
    const client = await server.api.connect();
    const run = await endless(box, client);
    cancel(run.id, client);
    cancel(run.id, client);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
    expect(await nextFrame(client)).toMatchObject({ id: 'probe' });
  });
});

describe('$/cancelRequest of session.create', () => {
  it('that is being carried out is answered with -32800, and leaves no container and no volume', async () => {
    const sessions = await sessionIds();
    const before = await onTheEngine();
    const began = events.all('create').length;
    const create = server.client.send('session.create', { language: 'python' });
    create.result.catch(() => undefined);
    await eventually(
      () => events.all('create').length,
      (count) => count > began,
      'the engine makes a container',
    );
    cancel(create.id);
    await expect(create.result).rejects.toMatchObject(CANCELLED);
    await nothingMoreThan(before);
    expect(await sessionIds()).toEqual(sessions);
  });

  it('right behind the request itself leaves nothing either', async () => {
    const before = await onTheEngine();
    for (let round = 0; round < 3; round++) {
      const create = server.client.send('session.create', { language: 'python' });
      create.result.catch(() => undefined);
      cancel(create.id);
      await expect(create.result).rejects.toMatchObject(CANCELLED);
    }
    await nothingMoreThan(before);
  });

  it('that waits for its turn makes no container, and those before and behind it get theirs', async () => {
    const sessions = await sessionIds();
    const began = events.all('create').length;
    const creates = Array.from({ length: 3 }, () => server.client.send('session.create', { language: 'python' }));
    for (const { result } of creates) result.catch(() => undefined);
    const [first, waiting, last] = creates;
    cancel(waiting?.id);
    await expect(waiting?.result).rejects.toMatchObject(CANCELLED);
    for (const { sessionId } of [await first?.result, await last?.result]) {
      expect(await server.client.execute(sessionId, { type: 'execute_shell', commandName: 'true' })).toMatchObject({
        success: true,
      });
      await server.client.call('session.close', { sessionId });
    }
    expect(events.all('create')).toHaveLength(began + 2);
    expect(await sessionIds()).toEqual(sessions);
  });
});

describe('$/cancelRequest that means nothing', () => {
  it.each([
    ['an unknown number', 987_654],
    ['an unknown string', 'nobody'],
    ['null', null],
  ])('because its id is %s is not answered, and nothing happens', async (_what, id) => {
    const client = await server.api.connect();
    const run = await endless(box, client);
    cancel(id, client);
    expect(await nextFrame(client)).toMatchObject({ id: 'probe' });
    expect(await box.state()).toBe('Active');
    cancel(run.id, client);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
  });

  it('because the command has ended is not answered, and nothing happens', async () => {
    const client = await server.api.connect();
    const command = { type: 'execute_shell', commandName: 'echo', args: ['done'] };
    const run = client.send('session.execute', { sessionId: box.id, command });
    expect(await run.result).toMatchObject({ success: true, result: { stdout: 'done\n' } });
    cancel(run.id, client);
    expect(await nextFrame(client)).toMatchObject({ id: 'probe' });
    expect(await box.sh('echo alive')).toBe('alive\n');
  });

  it('because the id is that of another socket ends nothing of that one', async () => {
    const [mine, other] = [await server.api.connect(), await server.api.connect()];
    const run = await endless(box, mine);
    cancel(run.id, other);
    expect(await nextFrame(other)).toMatchObject({ id: 'probe' });
    expect(await box.programs()).toContain('sleep 994');
    cancel(run.id, mine);
    await expect(run.result).rejects.toMatchObject(CANCELLED);
  });
});

describe('a socket that closes', () => {
  it('during session.create leaves no container, no volume and no session', async () => {
    const sessions = await sessionIds();
    const before = await onTheEngine();
    const began = events.all('create').length;
    const client = await server.api.connect();
    client.call('session.create', { language: 'python' }).catch(() => undefined);
    await eventually(
      () => events.all('create').length,
      (count) => count > began,
      'the engine makes a container',
    );
    client.socket.terminate();
    await events.happened('destroy', events.all('create').at(-1));
    await nothingMoreThan(before);
    expect(await sessionIds()).toEqual(sessions);
  });

  it('while its session.create waits for its turn makes no container', async () => {
    const sessions = await sessionIds();
    const began = events.all('create').length;
    const leaver = await server.api.connect();
    const first = server.client.send('session.create', { language: 'python' });
    leaver.call('session.create', { language: 'python' }).catch(() => undefined);
    // Answered on the leaver's socket, so the request before it has been read as well.
    await leaver.call('session.list');
    leaver.socket.terminate();
    const { sessionId } = await first.result;
    // Waits behind the other for its turn: when it has come, the other one's has passed.
    const second = await server.session();
    expect(events.all('create')).toHaveLength(began + 2);
    await server.client.call('session.close', { sessionId });
    await second.close();
    expect(await sessionIds()).toEqual(sessions);
  });

  it('during execute leaves no program, and the session to others', async () => {
    const session = await server.session();
    const client = await server.api.connect();
    await endless(session, client);
    expect(await session.programs()).toContain('sleep 994');
    client.socket.terminate();
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'no program is left',
    );
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle again',
    );
    expect(await session.sh('echo alive')).toBe('alive\n');
    await session.close();
  });

  it('during execute_code leaves no program and no file', async () => {
    const session = await server.session();
    const before = await files(session);
    const client = await server.api.connect();
    const run = session.stream(
      'execute_code',
      { code: 'import time\nprint("running", flush=True)\ntime.sleep(999)' },
      client,
    );
    await written(client, run.id, 'running\n');
    client.socket.terminate();
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'no program is left',
    );
    await eventually(
      () => files(session),
      (now) => now.join() === before.join(),
      'no file is left',
    );
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle again',
    );
    await session.close();
  });

  it('during a write of many frames leaves the old file', async () => {
    const session = await server.session();
    await session.ok('write_file', { path: 'kept', content: 'old' });
    const client = await server.api.connect();
    const content = 'x'.repeat(12_000_000);
    client.execute(session.id, { type: 'write_file', path: 'kept', content }).catch(() => undefined);
    await eventually(
      () => server.client.call('session.get', { sessionId: session.id }),
      ({ executionCount }) => executionCount === 2,
      'the write has begun',
    );
    client.socket.terminate();
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle again',
    );
    const { size } = await session.ok('stat_file', { path: 'kept' });
    expect([3, content.length]).toContain(size);
    const { entries } = await session.ok('list_directory', { includeHidden: true });
    expect(entries.map(({ name }: any) => name)).toEqual(['kept']);
    await session.close();
  });
});

/** The next frame that answers nothing which the client waits for: that of a probe, when all is well. */
function nextFrame(client: RpcClient): Promise<any> {
  return client.raw(JSON.stringify({ jsonrpc: '2.0', id: 'probe', method: 'session.list' }));
}

/** A busy engine may take longer to make what is not wanted any more than the answer waits for it. */
async function nothingMoreThan(before: string[]): Promise<void> {
  await eventually(onTheEngine, (now) => now.join() === before.join(), 'nothing more is on the engine', 60_000);
}

async function files(session: TestSession): Promise<string[]> {
  const listed = await Promise.all(
    ['/workspace', '/tmp'].map((path) =>
      session.ok('list_directory', { path, recursive: true, includeHidden: true, limit: 10_000 }),
    ),
  );
  return listed.flatMap(({ entries }) => entries.map(({ path }: any) => path));
}
