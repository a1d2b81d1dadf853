import { describe, expect, it } from 'vitest';

import { AT_ONCE_MS, endOf, settled, within } from '../support/answers.js';
import { eventually } from '../support/eventually.js';
import { docker } from '../support/leftovers.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';

/** Only the engine's own word can tell of a container's end, for no clean-up looks. */
const NEVER = '0 0 0 1 1 *';
const ENDLESS = { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] };

describe('a container that is taken away from its session', () => {
  const server = useServer({ CLEAN_UP_CRON: NEVER });
  const end = { code: -32002, data: { reason: 'session_ended', endReason: 'container_lost' } };

  it.each([
    { how: 'removed', take: (id: string) => docker().getContainer(id).remove({ force: true, v: true }) },
    { how: 'killed', take: (id: string) => docker().getContainer(id).kill() },
    { how: 'stopped', take: (id: string) => docker().getContainer(id).stop({ t: 1 }) },
  ])('ends the session as soon as it is $how, and says so to whoever waits for a command', async ({ take }) => {
    const [session, other] = await Promise.all([server.session(), server.session()]);
    const running = session.stream('execute_shell', ENDLESS);
    await written(server.client, running.id, 'up');
    await take(session.containerId);
    const ran = await within(settled(running.result), AT_ONCE_MS);
    if (ran.code === undefined) {
      expect(ran).toMatchObject({
        success: false,
        errorCode: 'container_lost',
        result: { endReason: 'container_lost', stdout: 'up\n', exitCode: null },
      });
    } else expect(ran).toMatchObject(end);
    expect(await within(endOf(server.client, session.id), AT_ONCE_MS)).toMatchObject(end);
    expect(await server.client.refusal('session.close', { sessionId: session.id })).toMatchObject(end);
    const { sessions } = await server.client.call('session.list', {});
    expect(sessions.map(({ sessionId }: any) => sessionId)).toEqual([other.id]);
    expect(await other.sh('echo unharmed')).toBe('unharmed\n');
    await other.close();
    await eventually(
      () => settled(docker().getContainer(session.containerId).inspect()),
      ({ statusCode }) => statusCode === 404,
      'the container is gone',
    );
  });

  it('ends an idle session as well, without anybody asking', async () => {
    const session = await server.session();
    await docker().getContainer(session.containerId).kill();
    await eventually(
      () => server.client.call('session.list', {}),
      ({ count }) => count === 0,
      'the session is no longer listed',
    );
  });

  it('does not keep whoever waits for longer than a command may take, though it only stands still', async () => {
    const session = await server.session();
    const container = docker().getContainer(session.containerId);
    await container.pause();
    try {
      const ran = await within(settled(session.run('true', [], { timeoutMs: 500 })), AT_ONCE_MS);
      expect(ran.success ?? false).toBe(false);
    } finally {
      // It is gone by now if the server took it for lost.
      await container.unpause().catch(() => undefined);
    }
    const after = await within(settled(session.run('echo', ['again'])), AT_ONCE_MS);
    if (after.code === undefined) {
      expect(after).toMatchObject({ success: true, result: { stdout: 'again\n' } });
      await session.close();
    } else expect(after).toMatchObject(end);
  });

  it('can be closed though it stands still', async () => {
    const session = await server.session();
    const container = docker().getContainer(session.containerId);
    await container.pause();
    try {
      expect(await within(session.close(), AT_ONCE_MS * 2)).toMatchObject({ closed: true });
      await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    } finally {
      await container.unpause().catch(() => undefined);
    }
  });

  it('is told apart from one whose memory ran out', async () => {
    const session = await server.session({ memoryLimitMB: 16, diskLimitMB: 16, tmpLimitMB: 1 });
    // Files of /dev/shm are memory that no killed program gives back, so in the end there is none for anything.
    const fill = { commandName: 'sh', args: ['-c', 'head -c 300000000 /dev/zero >> /dev/shm/fill'], timeoutMs: 20_000 };
    const ends: string[] = [];
    for (let n = 0; n < 10; n++) {
      const outcome = await within(settled(session.do('execute_shell', fill)), AT_ONCE_MS * 2);
      if (outcome.code !== undefined) {
        expect(outcome).toMatchObject({ code: -32002, data: { endReason: 'out_of_memory' } });
        break;
      }
      // It can never have gone well.
      expect(outcome.success === true && outcome.result.exitCode === 0).toBe(false);
      ends.push(outcome.result?.endReason ?? outcome.errorCode);
    }
    const after = await settled(server.client.call('session.get', { sessionId: session.id }));
    if (after.code === undefined) {
      // The agent held out: then room made by a client is room again.
      expect(ends).toContain('out_of_memory');
      await session.ok('delete_file', { path: '/dev/shm/fill' });
      expect(await session.sh('echo again')).toBe('again\n');
      await session.close();
    } else expect(after).toMatchObject({ code: -32002, data: { endReason: 'out_of_memory' } });
  });
});
