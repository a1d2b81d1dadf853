import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { Report } from '#libs/doctor';

import { newServerId } from '../support/api.js';
import { CLI } from '../support/built-server.js';
import { eventually } from '../support/eventually.js';
import { SecondEngine } from '../support/second-engine.mjs';
import { Life } from '../support/server-process.js';

const ESCAPE = 'CVE-2024-21626';
const TENANTS = { MULTI_TENANT: 'true' };
const SETTLED_MS = 90_000;

describe('an engine whose runc has a known way out', () => {
  const engine = new SecondEngine({ runcVersion: '1.1.11' });
  const lives: Life[] = [];
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-e2e-'));
    await engine.make([]);
  });
  afterEach(async () => {
    for (const life of lives.splice(0)) {
      if (!life.isOver) life.signal('SIGKILL');
      await life.exit;
    }
  });
  afterAll(async () => {
    await engine.remove();
    await rm(directory, { recursive: true, force: true });
  });

  /** A server, as soon as it listens or has ended. */
  async function start(env: Record<string, string>): Promise<Life> {
    const life = await begin({ PORT: '0', LOG_LEVEL: 'info', ...env });
    await eventually(
      () => life.isOver || life.stdout.includes('listening on'),
      (settled) => settled,
      'the server listens or ends',
      SETTLED_MS,
    );
    return life;
  }

  async function begin(env: Record<string, string>, program?: string[]): Promise<Life> {
    const settings = { SERVER_ID: newServerId(), STATE_DIRECTORY: directory, DOCKER_HOST: engine.dockerHost };
    const life = await Life.begin({ ...settings, ...env }, program);
    lives.push(life);
    return life;
  }

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
    const life = await start(env);

    await expectRefused(life);
    expect(life.stdout).not.toContain('listening on');
  });

  it.each<[string, Record<string, string>]>([
    ['of one tenant', {}],
    ['that is told to serve all the same', { ...TENANTS, ALLOW_KNOWN_ESCAPES: 'true' }],
  ])('is one for a server %s, which says what is wrong', async (_what, env) => {
    const life = await start(env);

    await eventually(
      () => life.stdout,
      (stdout) => stdout.includes(ESCAPE),
      'the way out is told',
    );
    expect(life.isOver).toBe(false);
  });

  it('fails with the doctor, by its name', async () => {
    const life = await begin({}, [CLI, 'doctor', '--json']);

    expect((await life.exit).code).toBe(1);
    const { escapes, findings } = JSON.parse(life.stdout) as Report;
    expect(escapes).toContain(ESCAPE);
    expect(findings.find(({ id }) => id === 'runtime')).toMatchObject({ verdict: 'fail', escapes });
  });

  it('ends a server for several tenants that has started while it was away', async () => {
    await engine.stop();
    const life = await start(TENANTS);
    expect(life.isOver).toBe(false);

    await engine.start();
    await expectRefused(life);
  });
});
