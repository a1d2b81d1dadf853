import { copyFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { within } from '../support/answers.js';
import { eventually } from '../support/eventually.js';
import { IMAGE_TAG, imageOf } from '../support/images.js';
import { SecondEngine } from '../support/second-engine.mjs';
import { useServer } from '../support/server-under-test.js';

const NEVER = '0 0 0 1 1 *';
const ENGINE_IMAGES = [imageOf('agent'), imageOf('python')];

describe('an engine whose images come and go', () => {
  const engine = new SecondEngine();
  beforeAll(() => engine.make(ENGINE_IMAGES), 240_000);
  afterAll(() => engine.remove(), 120_000);

  describe('under a server', () => {
    const server = useServer({
      DOCKER_HOST: engine.dockerHost,
      CLEAN_UP_CRON: NEVER,
      ALLOWED_IMAGES: 'registry.example/theirs:1',
    });
    const health = async (): Promise<any> => {
      const reply = await fetch(`${server.api.url}/health/ready`);
      return { status: reply.status, ...((await reply.json()) as object) };
    };
    const agentVolume = async (): Promise<{ name: string; directory: string }> => {
      const { Volumes } = await engine.docker.listVolumes();
      const [volume] = Volumes.filter(({ Name }) => Name.startsWith('codebeaker-agent-'));
      return { name: volume?.Name ?? '', directory: volume?.Mountpoint ?? '' };
    };

    it('refuses the language that is missing, and serves the others', async () => {
      const refusal = await within(server.client.refusal('session.create', { language: 'nodejs' }));
      expect(refusal).toMatchObject({
        code: -32009,
        data: { reason: 'image_unavailable', image: imageOf('nodejs'), build: 'npm run setup' },
      });
      const custom = { language: 'python', dockerImage: 'registry.example/theirs:1' };
      expect(await within(server.client.refusal('session.create', custom))).toMatchObject({
        code: -32009,
        data: { image: 'registry.example/theirs:1', build: 'docker pull registry.example/theirs:1' },
      });
      const session = await server.session();
      expect(await session.sh('echo on')).toBe('on\n');
      expect(await health()).toMatchObject({
        status: 'error',
        error: { nodejs: { image: imageOf('nodejs'), build: expect.stringContaining('images.sh --only nodejs') } },
        info: { engine: { status: 'up' }, python: { status: 'up' } },
      });
      await session.close();
    });

    it('may lose an image under the sessions that are made of it, and have it again, without a restart', async () => {
      const session = await server.session();
      const { Id } = await engine.docker.getImage(imageOf('python')).inspect();
      await engine.docker.getImage(imageOf('python')).tag({ repo: 'aside' });
      await engine.docker.getImage(imageOf('python')).remove({ force: true });
      expect(await within(server.client.refusal('session.create', { language: 'python' }))).toMatchObject({
        code: -32009,
        data: { image: imageOf('python') },
      });
      const { languages } = await server.client.call('language.list');
      expect(languages[0]).toMatchObject({ name: 'python', available: false });
      expect(await session.sh('echo on')).toBe('on\n');

      await engine.docker.getImage(Id).tag({ repo: 'codebeaker-python', tag: IMAGE_TAG });
      const next = await server.session();
      expect(await next.sh('echo again')).toBe('again\n');
      await Promise.all([session.close(), next.close()]);
    });

    it('fills the agent volume anew when somebody has removed it', async () => {
      const { name } = await agentVolume();
      await engine.docker.getVolume(name).remove();
      const made = await Promise.all([1, 2, 3].map(() => server.session()));
      for (const session of made) expect(await session.sh('echo on')).toBe('on\n');
      await Promise.all(made.map((session) => session.close()));
      expect((await agentVolume()).name).toBe(name);
    });

    it.each([
      { what: 'is gone', spoil: (file: string) => rm(file) },
      {
        what: 'is cut off',
        spoil: (file: string) => replace(file, (draft) => writeFile(draft, 'ELF?', { mode: 0o755 })),
      },
      {
        what: 'may not be run',
        spoil: (file: string) => replace(file, (draft) => writeFile(draft, '', { mode: 0o644 })),
      },
      { what: 'is another program', spoil: (file: string) => replace(file, (draft) => copyFile('/bin/true', draft)) },
    ])('writes the agent anew when it $what, under the sessions that run', async ({ spoil }) => {
      const session = await server.session();
      await spoil(join((await agentVolume()).directory, 'agent'));
      const made = await Promise.all([1, 2].map(() => server.session()));
      for (const each of [session, ...made]) expect(await each.sh('echo on')).toBe('on\n');
      await Promise.all([session, ...made].map((each) => each.close()));
      await eventually(
        () => engine.docker.listContainers({ all: true }),
        (containers) => containers.length === 0,
        'nothing of the first try is left',
      );
    });
  });
});

/** As an upgrade does it: what runs keeps the old file. */
async function replace(file: string, write: (draft: string) => Promise<void>): Promise<void> {
  await write(`${file}.new`);
  await rename(`${file}.new`, file);
}
