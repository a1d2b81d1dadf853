import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { settled, within } from '../support/answers.js';
import { eventually } from '../support/eventually.js';
import { imageOf } from '../support/images.js';
import { containersOf, volumesOf } from '../support/leftovers.js';
import { loopFilesOf } from '../support/loop-files.js';
import { SecondEngine } from '../support/second-engine.mjs';
import { useServer } from '../support/server-under-test.js';
import { SmallDisk } from '../support/small-disk.js';
import type { TestSession } from '../support/test-session.js';

/** What is removed is removed by whoever made it, for no clean-up looks. */
const NEVER = '0 0 0 1 1 *';
const FULL = { code: -32012, data: { reason: 'host_disk_full' } };
const WRITE = `
import hashlib, os, sys
data = os.urandom(1 << 20)
digest = hashlib.sha256()
with open('big', 'wb') as file:
  for _ in range(int(sys.argv[1])):
    file.write(data)
    digest.update(data)
  file.flush()
  os.fsync(file.fileno())
print(digest.hexdigest())
`;

/** Writes so many MiB to the disk and is told what of them arrived there. */
async function writes(session: TestSession, megabytes: number): Promise<void> {
  const written = await session.python(WRITE, String(megabytes));
  expect(await session.sh('sha256sum big')).toContain(written.trim());
  await session.sh('rm big');
}

describe("a full disk under the server's STATE_DIRECTORY", () => {
  const disk = new SmallDisk(300);
  const env: Record<string, string> = { CLEAN_UP_CRON: NEVER, DISK_LIMIT: 'loop-ext4' };
  beforeAll(async () => {
    await disk.mount();
    env['STATE_DIRECTORY'] = disk.path;
  });
  afterAll(() => disk.unmount());

  describe('and a server', () => {
    const server = useServer(env);
    const params = { diskLimitMB: 64 };
    afterEach(() => disk.free());

    it('refuses new sessions at once, says what to do, leaves nothing, and makes them again when there is room', async () => {
      const session = await server.session(params);
      await disk.fill();
      const before = (await readdir(disk.path, { recursive: true })).sort();
      for (const [method, more] of [
        ['session.create', params],
        ['session.create', { diskLimitMB: 32 }],
        ['execution.run', { code: '' }],
      ] as const) {
        const refusal = await within(server.client.refusal(method, { language: 'python', ...more }));
        expect(refusal).toMatchObject(FULL);
        expect(refusal.message).toMatch(/STATE_DIRECTORY/);
        expect(refusal.message).not.toContain(disk.path);
      }
      expect((await readdir(disk.path, { recursive: true })).sort()).toEqual(before);
      expect(await loopFilesOf(disk.path)).toHaveLength(1);
      expect(await containersOf(server.api.serverId)).toHaveLength(1);
      expect(await volumesOf(server.api.serverId)).toHaveLength(1);
      expect(await session.sh('echo on')).toBe('on\n');

      await disk.free();
      const next = await server.session(params);
      expect(await next.sh('echo new')).toBe('new\n');
      await Promise.all([session.close(), next.close()]);
    });

    it('costs no session a byte: the space of each is its own from the beginning', async () => {
      const session = await server.session(params);
      await disk.fill();
      await writes(session, 56);
      // Its own limit is told as ever.
      expect(await session.run('sh', ['-c', 'head -c 100000000 /dev/zero > more'])).toMatchObject({
        result: { exitCode: 1, stderr: expect.stringContaining('No space left on device') },
      });
      await session.sh('rm more');
      await writes(session, 56);
      await session.close();
      await eventually(
        () => loopFilesOf(disk.path),
        (files) => files.length === 0,
        'the loop device is free',
      );
    });

    it('is found out by the sum of the sessions, before any of them loses something', async () => {
      const sessions: TestSession[] = [];
      let refusal: any;
      while (refusal === undefined && sessions.length < 10) {
        const made = await settled(server.session(params));
        if (made.code === undefined) sessions.push(made);
        else refusal = made;
      }
      expect(refusal).toMatchObject(FULL);
      expect(sessions.length).toBeGreaterThan(1);
      await Promise.all(sessions.map((session) => writes(session, 56)));
      await Promise.all(sessions.map((session) => session.close()));
    });
  });
});

describe("a full disk under the engine's data", () => {
  const disk = new SmallDisk(700);
  let engine: SecondEngine;
  const env: Record<string, string> = { CLEAN_UP_CRON: NEVER };
  beforeAll(async () => {
    await disk.mount();
    engine = new SecondEngine({ dataRoot: disk.path });
    env['DOCKER_HOST'] = engine.dockerHost;
    await engine.make([imageOf('agent'), imageOf('python')]);
  }, 240_000);
  afterAll(async () => {
    await disk.free();
    await engine.remove();
    await disk.unmount();
  }, 120_000);

  describe('and a server', () => {
    const params = { diskLimitMB: 64 };
    const server = useServer(env);

    it('refuses new sessions at once, leaves nothing, and lets the others live and be closed', async () => {
      const [one, other] = await Promise.all([server.session(params), server.session(params)]);
      await disk.fill();
      const refusal = await within(server.client.refusal('session.create', { language: 'python', ...params }));
      expect(refusal).toMatchObject(FULL);
      expect(refusal.message).not.toMatch(/\/(var|tmp)\//);
      expect(await loopFilesOf(server.directory)).toHaveLength(2);

      await writes(one, 50);
      expect(await within(one.close())).toMatchObject({ closed: true });
      expect((await engine.docker.listContainers({ all: true })).map(({ Id }) => Id)).toEqual([other.containerId]);
      expect((await engine.docker.listVolumes()).Volumes).toHaveLength(2);

      await disk.free();
      const next = await server.session(params);
      expect(await next.sh('echo new')).toBe('new\n');
      await Promise.all([other.close(), next.close()]);
      expect(await engine.docker.listContainers({ all: true })).toEqual([]);
      await eventually(
        () => loopFilesOf(server.directory),
        (files) => files.length === 0,
        'no loop device is left',
      );
    });
  });
});
