import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AT_ONCE_MS, settled, UNAVAILABLE, within, works } from '../support/answers.js';
import { ContainerEvents } from '../support/container-events.js';
import { EngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/eventually.js';
import { containersOf, docker } from '../support/leftovers.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import { WatchedProcess } from '../support/watched-process.js';

const EVERY_SECOND = '*/1 * * * * *';
/** Several times what it takes. */
const ORPHANS_GONE_MS = 150_000;
const ENDLESS = { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] };

// Each engine in a suite around its server's: a server whose end fails must not keep the engine from being taken away.
describe('an engine', () => {
  const proxy = new EngineProxy();
  beforeAll(() => proxy.restore());
  afterAll(() => proxy.cut());

  describe('that goes away and comes back', () => {
    const server = useServer({
      DOCKER_HOST: proxy.dockerHost,
      CLEAN_UP_CRON: EVERY_SECOND,
      ORPHAN_AGE_SECONDS: '2',
    });
    // Before the server ends: whatever it lost sight of belongs to nobody, and is removed a while later.
    afterAll(() => noStrays().catch(() => undefined), 180_000);

    it('is told of at once by whatever needs it, and by nothing else', async () => {
      const session = await server.session();
      const health = async (path: string): Promise<any> => {
        const reply = await within(fetch(`${server.api.url}${path}`), AT_ONCE_MS);
        return { status: reply.status, body: await reply.json() };
      };
      const command = { type: 'execute_shell', commandName: 'true' };
      expect((await health('/health/ready')).status).toBe(200);
      await proxy.cut();
      try {
        const calls: [string, object][] = [
          ['session.create', { language: 'python' }],
          ['session.execute', { sessionId: session.id, command }],
          ['language.list', {}],
          ['execution.run', { language: 'python', code: '' }],
        ];
        for (const [method, params] of calls) {
          const refusal = await within(server.client.refusal(method, params), AT_ONCE_MS);
          expect({ method, ...refusal, message: refusal.message }).toMatchObject({ method, ...UNAVAILABLE });
        }
        const ready = await health('/health/ready');
        expect(ready).toMatchObject({ status: 503, body: { status: 'error', error: { engine: { status: 'down' } } } });
        expect(JSON.stringify(ready.body)).not.toContain(proxy.path);
        expect((await health('/health')).status).toBe(503);
        expect((await health('/health/live')).status).toBe(200);
        expect(await server.client.call('session.get', { sessionId: session.id })).toMatchObject({
          sessionId: session.id,
        });
        expect(await server.client.call('rpc.discover')).toMatchObject({ openrpc: expect.any(String) });
      } finally {
        await proxy.restore();
      }
      await eventually(
        () => health('/health/ready'),
        ({ status }) => status === 200,
        'the server is ready again',
      );
      await works(session);
      await session.close();
    });

    it('has the same sessions with the same files as before, and makes new ones', async () => {
      const session = await server.session();
      await session.ok('write_file', { path: 'kept', content: 'kept' });
      await proxy.cut();
      await proxy.restore();
      await works(session);
      expect(await session.ok('read_file', { path: 'kept' })).toMatchObject({ content: 'kept' });
      const other = await eventually(
        () => server.session().catch(() => undefined),
        (made) => made !== undefined,
        'new sessions can be made',
      );
      expect(await other!.sh('echo new')).toBe('new\n');
      await session.close();
      await other!.close();
    });

    it('lets a session be closed again that could not be closed while it was away', async () => {
      const session = await server.session();
      await proxy.cut();
      try {
        expect(
          await within(server.client.refusal('session.close', { sessionId: session.id }), AT_ONCE_MS),
        ).toMatchObject(UNAVAILABLE);
      } finally {
        await proxy.restore();
      }
      const again = await eventually(
        () => settled(session.close()),
        (outcome) => outcome.closed === true || outcome.code !== UNAVAILABLE.code,
        'the session can be closed',
      );
      if (again.closed === true) {
        await expect(docker().getContainer(session.containerId).inspect()).rejects.toMatchObject({ statusCode: 404 });
      } else {
        // Then its container is one that belongs to nobody, which is waited for at the end.
        expect(again).toMatchObject({ code: -32002, data: { endReason: 'closed' } });
      }
    });

    it('gives a definite answer to whoever waits for a command when it goes, and no false one', async () => {
      const session = await server.session();
      const running = session.stream('execute_shell', ENDLESS);
      await written(server.client, running.id, 'up');
      const writing = session.do('write_file', { path: 'big', content: 'x'.repeat(8_000_000) });
      const reading = session.run('sleep', ['3600']);
      const outcomes = [running.result, writing, reading].map((promise) => within(settled(promise), AT_ONCE_MS));
      await proxy.cut();
      const [ran, wrote, slept] = await Promise.all(outcomes);
      await proxy.restore();
      for (const outcome of [ran, slept]) {
        if (outcome.code === undefined) expect(outcome).toMatchObject({ success: false, error: expect.any(String) });
        else expect(outcome).toMatchObject(UNAVAILABLE);
      }
      await works(session);
      await eventually(
        () => session.programs(),
        (programs) => programs.length === 0,
        'nothing of it runs on',
      );
      const files = await session.sh('ls -A; [ ! -e big ] || wc -c < big');
      // Written means all of it; not written means nothing, or all of it if only the answer was lost.
      if (wrote.success === true) expect(files).toBe('big\n8000000\n');
      else expect(['', 'big\n8000000\n']).toContain(files);
      await session.close();
    });

    it('costs no session, however often it comes and goes', async () => {
      const session = await server.session();
      await session.ok('write_file', { path: 'kept', content: 'kept' });
      for (let n = 0; n < 10; n++) {
        const asked = settled(session.run('true'));
        await proxy.cut();
        await within(asked, AT_ONCE_MS);
        const late = settled(session.run('true'));
        await proxy.restore();
        await within(late, AT_ONCE_MS);
      }
      await works(session);
      expect(await session.sh('cat kept')).toBe('kept');
      await session.close();
    });

    it('costs a background process and its reader not a byte, and starts none meanwhile', async () => {
      const session = await server.session();
      const script = 'for i in $(seq 300); do echo $i; sleep 0.01; done; exit 9';
      const process = await WatchedProcess.start(server.client, session.id, 'sh', ['-c', script]);
      await process.written('\n20\n');
      await proxy.cut();
      const started = { sessionId: session.id, commandName: 'touch', args: ['made'] };
      expect(await within(settled(server.client.call('process.start', started)))).toMatchObject(UNAVAILABLE);
      await proxy.restore();

      expect(await within(process.exited())).toMatchObject({ endReason: 'exited', exitCode: 9 });
      expect(process.text).toBe(Array.from({ length: 300 }, (_, line) => `${line + 1}\n`).join(''));
      expect(process.droppedBytes).toBe(0);
      expect(await session.sh('ls')).toBe('');
      await session.close();
    });

    it('costs no session when a line breaks again while it is mended', async () => {
      const session = await server.session();
      await session.ok('write_file', { path: 'kept', content: 'kept' });
      await proxy.cut();
      proxy.breakAttaches(3);
      await proxy.restore();
      await eventually(
        async () => {
          await settled(session.run('true'));
          return proxy.unbroken;
        },
        (unbroken) => unbroken === 0,
        'the line was broken three times more',
      );
      await works(session);
      expect(await session.sh('cat kept')).toBe('kept');
      await session.close();
    });

    it('leaves no container behind, wherever it broke off the making of a session', async () => {
      const events = await ContainerEvents.follow(server.api.serverId);
      try {
        for (const moment of [undefined, 'create', 'start']) {
          const known = events.seen.length;
          const making = Promise.all(
            [1, 2].map(() => within(settled(server.client.call('session.create', { language: 'python' })), AT_ONCE_MS)),
          );
          if (moment !== undefined) {
            await eventually(
              () => events.seen.slice(known).some(({ action }) => action === moment),
              (seen) => seen,
              `the engine says ${moment}`,
            );
          }
          await proxy.cut();
          const outcomes = await making;
          await proxy.restore();
          // The second may have been a step behind the first, or both may have been done.
          for (const { code } of outcomes) if (code !== undefined) expect(code).toBe(UNAVAILABLE.code);
          const made = await eventually(
            () => server.session().catch(() => undefined),
            (session) => session !== undefined,
            'a session can be made',
          );
          await works(made!);
        }
      } finally {
        events.close();
      }
      await noStrays();
    }, 240_000);

    it('makes sessions though the stream of its events breaks again and again', async () => {
      const making = { isOver: false };
      const breaking = eventually(
        () => {
          proxy.breakEvents();
          return making.isOver;
        },
        (isOver) => isOver,
        'the sessions are made',
        100_000,
      );
      const outcomes: any[] = [];
      for (let n = 0; n < 6; n++) outcomes.push(await settled(server.session()));
      making.isOver = true;
      await breaking;
      for (const outcome of outcomes) {
        expect(outcome.code, outcome.message).toBeUndefined();
        await works(outcome);
        await outcome.close();
      }
    });

    /** Waits until there is no container without a session. */
    async function noStrays(): Promise<void> {
      await eventually(
        async () => {
          const { sessions } = await server.client.call('session.list', { limit: 1000 });
          const known = new Set(sessions.map(({ containerId }: any) => containerId));
          return (await containersOf(server.api.serverId)).filter(({ Id }) => !known.has(Id)).map(({ Id }) => Id);
        },
        (strays) => strays.length === 0,
        'the containers of nobody are gone',
        ORPHANS_GONE_MS,
      );
    }
  });
});
