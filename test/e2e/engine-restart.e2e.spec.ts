import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AT_ONCE_MS, endOf, settled, UNAVAILABLE, within, works } from '../support/answers.js';
import { newServerId, TestApi } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { imageOf } from '../support/images.js';
import { loopFilesOf } from '../support/loop-files.js';
import { SecondEngine } from '../support/second-engine.mjs';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

/** Only the engine's own word can tell of a container's end, for no clean-up looks. */
const NEVER = '0 0 0 1 1 *';
const IMAGES = [imageOf('agent'), imageOf('python')];
const LOST = { code: -32002, data: { reason: 'session_ended', endReason: 'container_lost' } };
const ENDLESS = { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] };

describe('an engine with live-restore', () => {
  const engine = new SecondEngine({ liveRestore: true });
  beforeAll(() => engine.make(IMAGES), 240_000);
  afterAll(() => engine.remove(), 120_000);

  describe('that is restarted', () => {
    const server = useServer({ DOCKER_HOST: engine.dockerHost, CLEAN_UP_CRON: NEVER, ENGINE_TIMEOUT_MS: '8000' });

    it('tells whoever waits what is known, and ends what it cannot give back', async () => {
      const [session, idle] = await Promise.all([server.session(), server.session()]);
      const running = session.stream('execute_shell', ENDLESS);
      await written(server.client, running.id, 'up');
      const silent = session.do('execute_shell', ENDLESS);
      await eventually(
        () => sleepers(session),
        (count) => count === 2,
        'both programs run',
      );
      const answers = [running.result, silent].map((result) => within(settled(result)));

      await engine.stop();
      for (const refusal of await Promise.all(answers)) {
        expect(refusal).toMatchObject({ ...UNAVAILABLE, data: { output: { stdout: 'up\n', stdoutBytes: 3 } } });
        expect(refusal.message).toMatch(/not known/);
        expect(refusal.message).not.toMatch(/nothing was lost/i);
      }
      const calls: [string, object][] = [
        ['session.create', { language: 'python' }],
        ['session.execute', { sessionId: idle.id, command: { type: 'execute_shell', commandName: 'true' } }],
        ['execution.run', { language: 'python', code: '' }],
      ];
      for (const [method, params] of calls) {
        expect({ method, ...(await within(settled(server.client.call(method, params)))) }).toMatchObject(UNAVAILABLE);
      }

      await engine.start();
      for (const { id } of [session, idle]) expect(await within(endOf(server.client, id))).toMatchObject(LOST);
      const next = await server.session();
      expect(await next.sh('echo new')).toBe('new\n');
      await next.close();
      await eventually(
        () => engine.docker.listContainers({ all: true }),
        (containers) => containers.length === 0,
        'no container is left',
      );
      await eventually(
        () => loopFilesOf(server.directory),
        (files) => files.length === 0,
        'no loop device is left',
      );
    });

    it('while a server is started does not make that server deny its sessions', async () => {
      const settings = { DOCKER_HOST: engine.dockerHost, SERVER_ID: newServerId(), STATE_DIRECTORY: server.directory };
      const earlier = await TestApi.start({ ...settings, CLEAN_UP_CRON: NEVER });
      const { sessionId } = await (await earlier.connect()).call('session.create', { language: 'python' });
      await earlier.stop();
      await engine.stop();
      const later = await TestApi.start({ ...settings, CLEAN_UP_CRON: NEVER });
      try {
        const client = await later.connect();
        expect(await within(client.refusal('session.get', { sessionId }))).toMatchObject(UNAVAILABLE);
        expect(await within(client.refusal('session.close', { sessionId }))).toMatchObject(UNAVAILABLE);
        expect(await within(client.refusal('session.list'))).toMatchObject(UNAVAILABLE);
        await engine.start();
        await eventually(
          () => settled(client.call('session.list')),
          (answer) => answer.code === undefined,
          'it is known again which sessions there are',
        );
        expect(await client.refusal('session.get', { sessionId: 's_never' })).toMatchObject({ code: -32001 });
      } finally {
        await later.stop();
      }
    });

    it('that hangs is told of within the limit of a call, and works on afterwards', async () => {
      const session = await server.session();
      engine.freeze();
      try {
        const create = within(settled(server.client.call('session.create', { language: 'python' })));
        const ran = within(settled(session.run('true', [], { timeoutMs: 500 })));
        expect(await create).toMatchObject(UNAVAILABLE);
        expect(await ran).toMatchObject(UNAVAILABLE);
      } finally {
        engine.thaw();
      }
      await works(session);
      await session.close();
    });
  });
});

describe('an engine without live-restore', () => {
  const engine = new SecondEngine();
  beforeAll(() => engine.make(IMAGES), 240_000);
  afterAll(() => engine.remove(), 120_000);

  describe('that is restarted', () => {
    const server = useServer({ DOCKER_HOST: engine.dockerHost, CLEAN_UP_CRON: NEVER });

    it('ends the sessions whose containers it has ended, answers all who wait, and makes new ones', async () => {
      const [session, idle] = await Promise.all([server.session(), server.session()]);
      await session.ok('write_file', { path: 'a', content: 'b' });
      const running = session.stream('execute_shell', ENDLESS);
      await written(server.client, running.id, 'up');
      const outcome = within(settled(running.result), AT_ONCE_MS * 2);

      await engine.stop();
      const ran = await outcome;
      if (ran.code === undefined) {
        expect(ran).toMatchObject({ success: false, result: { endReason: 'container_lost', stdout: 'up\n' } });
      } else expect([-32008, -32002]).toContain(ran.code);
      const command = { type: 'execute_shell', commandName: 'true' };
      const asked = await within(
        settled(server.client.call('session.execute', { sessionId: idle.id, command })),
        AT_ONCE_MS * 2,
      );
      expect([-32008, -32002]).toContain(asked.code);
      expect(
        await within(server.client.refusal('session.create', { language: 'python' }), AT_ONCE_MS * 2),
      ).toMatchObject(UNAVAILABLE);

      await engine.start();
      for (const { id } of [session, idle]) {
        const refusal = await endOf(server.client, id);
        expect(refusal).toMatchObject({ code: -32002, data: { reason: 'session_ended', endReason: 'container_lost' } });
        expect(await server.client.refusal('session.execute', { sessionId: id, command })).toMatchObject({
          code: -32002,
          data: { endReason: 'container_lost' },
        });
      }
      const next = await eventually(
        () => server.session().catch(() => undefined),
        (made) => made !== undefined,
        'new sessions can be made',
      );
      expect(await next!.sh('echo new')).toBe('new\n');
      expect((await server.client.call('session.list', {})).count).toBe(1);
      const containers = await engine.docker.listContainers({ all: true });
      expect(containers.map(({ Id }) => Id)).toEqual([next!.containerId]);
      await next!.close();
      expect(await engine.docker.listContainers({ all: true })).toEqual([]);
    });
  });
});

const COUNT_SLEEPERS = `
import glob
count = 0
for name in glob.glob('/proc/[0-9]*/cmdline'):
  try:
    count += open(name).read().startswith('sleep\\0')
  except OSError:
    pass
print(count)
`;

/** How many programs are asleep in a session. */
async function sleepers(session: TestSession): Promise<number> {
  return Number(await session.python(COUNT_SLEEPERS));
}
