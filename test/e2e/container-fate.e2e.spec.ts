import { describe, expect, it } from 'vitest';

import { AT_ONCE_MS, endOf, settled, within } from '../support/answers.js';
import { ContainerEvents } from '../support/container-events.js';
import { eventually } from '../support/eventually.js';
import { containersOf, docker, volumesOf } from '../support/leftovers.js';
import { loopFilesOf } from '../support/loop-files.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';

/** Only the engine's own word can tell of a container's end, for no clean-up looks. */
const NEVER = '0 0 0 1 1 *';
const EVERY_SECOND = '*/1 * * * * *';
const MIB = 1_048_576;
const LOST = { code: -32002, data: { reason: 'session_ended', endReason: 'container_lost' } };
const PAUSED = { code: -32013, data: { reason: 'session_paused' } };
const ENDLESS = { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] };

const fates = [
  { how: 'removed', take: (id: string) => docker().getContainer(id).remove({ force: true, v: true }) },
  { how: 'killed', take: (id: string) => docker().getContainer(id).kill() },
];

describe('somebody else at the engine', () => {
  const server = useServer({ CLEAN_UP_CRON: NEVER });

  const nothingIsLeft = async (): Promise<void> => {
    await eventually(
      async () => [...(await containersOf(server.api.serverId)), ...(await loopFilesOf(server.directory))],
      (left) => left.length === 0,
      'no container and no loop device is left',
    );
  };

  it.each(fates)('may have a container $how while it is made: the caller is told so at once', async ({ take }) => {
    for (const moment of ['create', 'start']) {
      const events = await ContainerEvents.follow(server.api.serverId);
      try {
        const making = within(settled(server.client.call('session.create', { language: 'python' })));
        // A kill of what does not run yet is refused.
        await settled(take(await events.happened(moment)));
        const outcome = await making;
        if (outcome.code === undefined) {
          // It came too early or too late, and the session lives, or ends as one that was there.
          const later = await settled(server.client.call('session.close', { sessionId: outcome.sessionId }));
          if (later.closed !== true) expect(later).toMatchObject(LOST);
        } else {
          expect(outcome).toMatchObject(LOST);
          expect(outcome.message).toMatch(/while it was being made/);
        }
      } finally {
        events.close();
      }
      await nothingIsLeft();
    }
  });

  it.each(fates)('may have a container $how while its session is closed: both come to their end', async ({ take }) => {
    const session = await server.session();
    const running = session.stream('execute_shell', ENDLESS);
    await written(server.client, running.id, 'up');
    const [closed] = await Promise.all([within(settled(session.close())), settled(take(session.containerId))]);
    if (closed.closed !== true) expect(closed).toMatchObject(LOST);
    const ran = await within(settled(running.result));
    if (ran.code === undefined) expect(ran).toMatchObject({ success: false, result: { stdout: 'up\n' } });
    else expect(ran.code).toBe(LOST.code);
    await nothingIsLeft();
  });

  it('may pause a container: calls say so at once, and it works on when it is unpaused', async () => {
    const session = await server.session();
    const container = docker().getContainer(session.containerId);
    const slow = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo up; sleep 2; echo slow'] });
    await written(server.client, slow.id, 'up');
    await container.pause();
    try {
      // The engine's word comes a moment later than its answer.
      const refusal = await eventually(
        () => settled(session.run('true', [], { timeoutMs: 500 })),
        ({ message }) => String(message).includes('nothing was begun'),
        'the pause is known',
      );
      expect(refusal).toMatchObject(PAUSED);
      expect(refusal.message).toMatch(/docker unpause/);
      const started = { sessionId: session.id, commandName: 'touch', args: ['made'] };
      expect(await settled(server.client.call('process.start', started))).toMatchObject(PAUSED);
      expect(await server.client.call('session.get', { sessionId: session.id })).toMatchObject({ state: 'Active' });
    } finally {
      await container.unpause();
    }
    const works = await eventually(
      () => settled(session.run('echo', ['again'])),
      ({ code }) => code !== PAUSED.code,
      'it works again',
    );
    expect(works).toMatchObject({ success: true, result: { stdout: 'again\n' } });
    expect(await slow.result).toMatchObject({ success: true, result: { stdout: 'up\nslow\n' } });
    expect(await session.sh('ls')).toBe('');
    await session.close();
    await nothingIsLeft();
  });

  it('may pause a container under a command: its caller hears so when its time is over', async () => {
    const session = await server.session();
    const ran = session.stream('execute_shell', { ...ENDLESS, timeoutMs: 8_000 });
    await written(server.client, ran.id, 'up');
    const container = docker().getContainer(session.containerId);
    await container.pause();
    try {
      const refusal = await within(settled(ran.result));
      expect(refusal).toMatchObject({ ...PAUSED, data: { output: { stdout: 'up\n' } } });
      expect(refusal.message).toMatch(/not known/);
      // Closing needs nobody inside.
      expect(await within(session.close())).toMatchObject({ closed: true });
    } finally {
      await container.unpause().catch(() => undefined);
    }
    await nothingIsLeft();
  });

  it('may kill a container under an execution, which then has failed', async () => {
    const events = await ContainerEvents.follow(server.api.serverId);
    try {
      const run = within(
        settled(server.client.call('execution.run', { language: 'python', code: 'import time; time.sleep(3600)' })),
        AT_ONCE_MS * 2,
      );
      const id = await events.happened('start');
      await eventually(
        async () => (await docker().getContainer(id).top({ ps_args: '-eo pid,args' })).Processes.join('\n'),
        (programs) => programs.includes('python3'),
        'it runs',
      );
      await docker().getContainer(id).kill();
      expect(await run).toMatchObject({ status: 'failed', success: false, endReason: 'container_lost' });
    } finally {
      events.close();
    }
    await nothingIsLeft();
  });

  it('is told apart from memory that ran out, even for the agent', async () => {
    const session = await server.session({ memoryLimitMB: 16, diskLimitMB: 16, tmpLimitMB: 1 });
    // The agent itself fills /dev/shm, whose files are memory: there is no program that could be killed in its place.
    const content = 'x'.repeat(6 * MIB);
    const ends: any[] = [];
    for (let n = 0; n < 20 && ends.length === 0; n++) {
      const wrote = await within(settled(session.do('write_file', { path: '/dev/shm/fill', content, mode: 'Append' })));
      if (wrote.code !== undefined) ends.push(wrote);
    }
    const end = { code: -32002, data: { reason: 'session_ended', endReason: 'out_of_memory' } };
    expect(ends).toMatchObject([end]);
    expect(await within(endOf(server.client, session.id))).toMatchObject(end);
    await nothingIsLeft();
  });
});

describe('somebody who removes a container, but not its volume', () => {
  const server = useServer({ CLEAN_UP_CRON: EVERY_SECOND });

  it('has the clean-up do so, which leaves alone what is in use', async () => {
    const [lost, kept] = [await server.session(), await server.session()];
    const { config } = await server.client.call('session.get', { sessionId: kept.id });
    const each = config.diskLimitKind === 'loop-ext4' ? 1 : 0;
    expect(await volumesOf(server.api.serverId)).toHaveLength(2 * each);
    await docker().getContainer(lost.containerId).remove({ force: true, v: false });
    await endOf(server.client, lost.id);

    await eventually(
      () => volumesOf(server.api.serverId),
      (volumes) => volumes.length === each,
      'its volume is gone',
    );
    expect(await kept.sh('echo kept > file; cat file')).toBe('kept\n');
  });
});
