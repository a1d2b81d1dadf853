import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Report } from '#libs/doctor';

import { newServerId } from '../support/api.js';
import { CLI } from '../support/built-server.js';
import { eventually } from '../support/eventually.js';
import { Lives } from '../support/lives.js';
import { SecondEngine } from '../support/second-engine.mjs';
import type { Life } from '../support/server-process.js';

const ESCAPE = 'CVE-2024-21626';
const TENANTS = { MULTI_TENANT: 'true' };

describe('an engine whose runc has a known way out', () => {
  const engine = new SecondEngine({ runcVersion: '1.1.11' });
  let directory: string;
  const lives = new Lives(() => ({
    SERVER_ID: newServerId(),
    STATE_DIRECTORY: directory,
    DOCKER_HOST: engine.dockerHost,
  }));

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-e2e-'));
    await engine.make([]);
  });
  afterEach(() => lives.end());
  afterAll(async () => {
    await engine.remove();
    await rm(directory, { recursive: true, force: true });
  });

  async function expectRefused(life: Life): Promise<void> {
    expect(await life.exit).toEqual({ code: 1, signal: null });
    for (const text of [ESCAPE, 'Upgrade runc', 'MULTI_TENANT', 'ALLOW_KNOWN_ESCAPES'])
      expect(life.stderr).toContain(text);
    expect(life.stderr).not.toMatch(/^\s+at /m);
  }

  it.each<[string, Record<string, string>]>([
    ['that is to serve several tenants', TENANTS],
    ['that listens to others', { HOST: '0.0.0.0' }],
  ])('is no host for a server %s', async (_what, env) => {
    const life = await lives.start(env);

    await expectRefused(life);
    expect(life.stdout).not.toContain('listening on');
  });

  it.each<[string, Record<string, string>]>([
    ['of one tenant', {}],
    ['that is told to serve all the same', { ...TENANTS, ALLOW_KNOWN_ESCAPES: 'true' }],
  ])('is one for a server %s, which says what is wrong', async (_what, env) => {
    const life = await lives.start(env);

    await eventually(
      () => life.stdout,
      (stdout) => stdout.includes(ESCAPE),
      'the way out is told',
    );
    expect(life.isOver).toBe(false);
  });

  it('fails with the doctor, by its name', async () => {
    const life = await lives.begin({}, [CLI, 'doctor', '--json']);

    expect((await life.exit).code).toBe(1);
    const { escapes, findings } = JSON.parse(life.stdout) as Report;
    expect(escapes).toContain(ESCAPE);
    expect(findings.find(({ id }) => id === 'runtime')).toMatchObject({ verdict: 'fail', escapes });
  });

  it('ends a server for several tenants that has started while it was away', async () => {
    await engine.stop();
    const life = await lives.start(TENANTS);
    expect(life.isOver).toBe(false);

    await engine.start();
    await expectRefused(life);
  });
});
