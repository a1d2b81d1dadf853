import { execFile } from 'node:child_process';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

import { newServerId } from '../support/api.js';
import { eventually } from '../support/eventually.js';
import { imageOf } from '../support/images.js';
import { containersOf, docker } from '../support/leftovers.js';
import { loopFilesOf } from '../support/loop-files.js';
import { useServerProcess } from '../support/server-process.js';

/** Several times what it takes: one that never answers is asked three times. */
const ORPHANS_GONE_MS = 150_000;

describe('a server that is started after one that was killed', () => {
  const server = useServerProcess({ CLEAN_UP_CRON: '*/1 * * * * *', ORPHAN_AGE_SECONDS: '2' });
  const list = async (): Promise<any[]> => (await server.client.call('session.list', { limit: 1000 })).sessions;

  it('removes the containers that belong to no session, and touches no other server’s', async () => {
    const session = await server.session();
    const { Mounts } = await docker().getContainer(session.containerId).inspect();
    const agent = Mounts.find(({ Destination }) => Destination === '/codebeaker')!.Name!;
    const strangers = newServerId();
    const make = async (label: string, entrypoint: string[]): Promise<string> => {
      const { id } = await docker().createContainer({
        Image: imageOf('python'),
        User: '0:0',
        Entrypoint: entrypoint,
        Labels: { codebeaker: label, 'codebeaker.language': 'python' },
        OpenStdin: true,
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [{ Type: 'volume', Source: agent, Target: '/codebeaker', ReadOnly: true }],
        },
      });
      return id;
    };
    // Before they are made: a server that lives would remove them itself.
    await server.stop('SIGKILL');
    const neverStarted = await make(server.serverId, ['/codebeaker/agent']);
    const unclaimed = await make(server.serverId, ['/codebeaker/agent']);
    const withoutAgent = await make(server.serverId, ['sleep', '3600']);
    const anothers = await make(strangers, ['/codebeaker/agent']);
    try {
      for (const id of [unclaimed, withoutAgent, anothers]) await docker().getContainer(id).start();
      await server.start();
      const left = async (): Promise<string[]> => (await containersOf(server.serverId)).map(({ Id }) => Id);
      await eventually(
        left,
        (ids) => !ids.includes(neverStarted) && !ids.includes(unclaimed),
        'those that were never started or never claimed are gone',
      );
      await eventually(left, (ids) => !ids.includes(withoutAgent), 'the one without an agent is gone', ORPHANS_GONE_MS);
      expect(await left()).toEqual([session.containerId]);
      expect((await list()).map(({ sessionId }: any) => sessionId)).toEqual([session.id]);
      expect(await server.again(session).sh('echo fine')).toBe('fine\n');
      expect(await docker().getContainer(anothers).inspect()).toMatchObject({ State: { Running: true } });
      await server.again(session).close();
    } finally {
      for (const id of [neverStarted, unclaimed, withoutAgent, anothers]) {
        await docker()
          .getContainer(id)
          .remove({ force: true, v: true })
          .catch(() => undefined);
      }
    }
  }, 240_000);

  it('frees the disks that no container has, though nobody asks for another', async () => {
    const session = await server.session();
    await session.close();
    await server.stop('SIGKILL');
    const directory = join(server.settings['STATE_DIRECTORY']!, server.serverId);
    const file = join(directory, '1-1.ext4');
    await writeFile(file, Buffer.alloc(1_048_576));
    await promisify(execFile)('losetup', ['--find', file]);
    expect(await loopFilesOf(directory)).toEqual([file]);

    await server.start();

    await eventually(
      () => loopFilesOf(directory),
      (files) => files.length === 0,
      'its loop device is free',
    );
    await eventually(
      () => readdir(directory),
      (names) => names.length === 0,
      'its file is gone',
    );
  });

  it('keeps no container of a run without a session', async () => {
    await server.client.call('execution.run', {
      language: 'python',
      code: 'import time; time.sleep(3600)',
      async: true,
    });
    await eventually(
      () => containersOf(server.serverId),
      (containers) => containers.some(({ State }) => State === 'running'),
      'the container of the run is there',
    );
    await server.restart('SIGKILL');
    await eventually(
      () => containersOf(server.serverId),
      (containers) => containers.length === 0,
      'the container of the run is gone',
      ORPHANS_GONE_MS,
    );
  }, 240_000);
});
