import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { CHECKS, type Report } from '#libs/doctor';

import { newServerId } from '../support/api.js';
import { CLI } from '../support/built-server.js';
import { EngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/eventually.js';
import { containersOf, volumesOf } from '../support/leftovers.js';
import { Lives } from '../support/lives.js';

const SUMMARY = /the host: \d+ ok, \d+ warn, \d+ fail, \d+ unknown/;
const STILL_ALIVE_MS = 90_000;
const NO_DIRECTORY = resolve('package.json');

let directory: string;
const serverId = newServerId();
const lives = new Lives(() => ({ SERVER_ID: serverId, STATE_DIRECTORY: directory }));

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'codebeaker-e2e-'));
});
afterEach(() => lives.end());
afterAll(() => rm(directory, { recursive: true, force: true }));

async function doctor(args: string[], env: Record<string, string> = {}) {
  const life = await lives.begin(env, [CLI, 'doctor', ...args]);
  const { code } = await life.exit;
  return { code, stdout: life.stdout, stderr: life.stderr };
}

describe('the doctor', () => {
  let report: Report;
  let code: number | null;

  beforeAll(async () => {
    const run = await doctor(['--json']);
    code = run.code;
    report = JSON.parse(run.stdout) as Report;
  }, 240_000);

  it('gives a verdict for each check, with what it found, and with the mend where one is due', () => {
    expect(report.findings.map(({ id }) => id)).toEqual(CHECKS.map(({ id }) => id));
    for (const { id, verdict, found, mend } of report.findings) {
      expect(['ok', 'warn', 'fail', 'unknown'], id).toContain(verdict);
      expect(found, id).toMatch(/\S/);
      if (verdict === 'ok') expect(mend, id).toBe('');
      else expect(mend, id).toMatch(/\S/);
    }
  });

  it('says what its verdicts are true of', () => {
    expect(report.host).toMatchObject({ kernel: expect.stringMatching(/^\d/), Engine: expect.stringMatching(/^\d/) });
    expect(new Date(report.checkedAt).getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('counts them, and ends with 1 when one has failed', () => {
    const { totals, findings } = report;
    const counted = (verdict: string): number => findings.filter((finding) => finding.verdict === verdict).length;

    expect(totals).toEqual(Object.fromEntries(Object.keys(totals).map((verdict) => [verdict, counted(verdict)])));
    expect(code).toBe(totals.fail === 0 ? 0 : 1);
  });

  it.each(['sandbox', 'seccomp', 'privileges', 'network', 'memory-limit', 'pids-limit'])(
    'has seen the walls of a real sandbox hold: %s',
    (id) => {
      expect(report.findings.find((finding) => finding.id === id)).toMatchObject({ verdict: 'ok' });
    },
  );

  it('names how the disk limit is enforced, and that it is', () => {
    const { verdict, found } = report.findings.find(({ id }) => id === 'disk-limit') ?? {};

    expect(['ok', 'warn']).toContain(verdict);
    expect(found).toMatch(/loop-ext4|tmpfs/);
  });

  it('leaves nothing behind', async () => {
    expect(await containersOf(serverId)).toEqual([]);
    expect(await volumesOf(serverId)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('tells a person the same', async () => {
    const { stdout } = await doctor([]);

    for (const { title } of CHECKS) expect(stdout).toMatch(new RegExp(`^(ok|warn|FAIL|unknown) +${title} `, 'm'));
    expect(stdout).toMatch(/\d+ ok, \d+ to mend, \d+ failed, \d+ not known/);
  });

  it('has no sandbox to look at without its image, and fails by it', async () => {
    const { code: ended, stdout } = await doctor(['--json'], { IMAGE_TAG: 'no-such-tag' });

    const { findings } = JSON.parse(stdout) as Report;
    expect(ended).toBe(1);
    expect(findings).toHaveLength(CHECKS.length);
    expect(findings.find(({ id }) => id === 'sandbox')).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining('no-such-tag'),
    });
  });

  it('tells a person why no sandbox could be made, in the words of whoever refused', async () => {
    const { stdout } = await doctor(['--json'], { DISK_LIMIT: 'loop-ext4', STATE_DIRECTORY: NO_DIRECTORY });

    const { findings } = JSON.parse(stdout) as Report;
    expect(findings.find(({ id }) => id === 'sandbox')).toMatchObject({
      verdict: 'fail',
      found: expect.stringMatching(/package\.json|root/),
    });
  });

  it('leaves nothing behind when it is stopped in the middle', async () => {
    const life = await lives.begin({}, [CLI, 'doctor']);
    await eventually(
      () => containersOf(serverId),
      (found) => found.length > 0,
      'it has a sandbox',
      STILL_ALIVE_MS,
    );
    life.signal('SIGINT');

    expect((await life.exit).code).toBe(130);
    expect(life.stdout).toBe('');
    expect(await containersOf(serverId)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('says that the engine does not answer', async () => {
    const { code: ended, stdout } = await doctor(['--json'], { DOCKER_HOST: `unix://${directory}/none.sock` });

    expect(ended).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ findings: [{ id: 'engine', verdict: 'fail' }] });
  });

  it('attacks its host as well when it is asked to, without a word of it in the JSON', async () => {
    const { code: ended, stdout, stderr } = await doctor(['--json', '--attack', '--only', '41']);

    expect((JSON.parse(stdout) as Report).findings).toHaveLength(CHECKS.length);
    const [, fell = ''] = /\d+ held, (\d+) fell/.exec(stderr) ?? [];
    expect(ended).toBe(fell === '0' && report.totals.fail === 0 ? 0 : 1);
  });

  it.each([['--fast'], ['twice']])('tells how it is used when asked for %s', async (arg) => {
    expect(await doctor([arg])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^usage: /) });
  });

  describe('in the server', () => {
    it('says the short of it at the start, a line for each thing that is not well', async () => {
      const life = await lives.start({});
      await eventually(
        () => life.stdout,
        (stdout) => SUMMARY.test(stdout),
        'the host is judged',
      );

      const lines = life.stdout.split('\n').filter((line) => line.includes('"context":"Host"'));
      const judged = lines.map((line) => JSON.parse(line) as { level: string; message: string });
      const warnings = judged.filter(({ level }) => level === 'warn').map(({ message }) => message.split(': ')[1]);
      const unwell = report.findings.filter(({ verdict, title }) => verdict !== 'ok' && warnings.includes(title));
      expect(warnings).toEqual(unwell.map(({ title }) => title));
    });

    it('keeps it from several tenants exactly where a way out is known', async () => {
      const life = await lives.start({ MULTI_TENANT: 'true' });

      if (report.escapes.length === 0) {
        expect(life.stdout).toMatch(SUMMARY);
        expect(life.isOver).toBe(false);
      } else {
        expect((await life.exit).code).toBe(1);
        for (const escape of [...report.escapes, 'MULTI_TENANT', 'ALLOW_KNOWN_ESCAPES']) {
          expect(life.stderr).toContain(escape);
        }
      }
    });
  });
});

describe('a server whose engine is away when it starts', () => {
  const proxy = new EngineProxy();
  afterAll(() => proxy.cut());

  it('is told of its host when the engine is there', async () => {
    const life = await lives.start({
      DOCKER_HOST: proxy.dockerHost,
      MULTI_TENANT: 'true',
      ALLOW_KNOWN_ESCAPES: 'true',
    });
    expect(life.stdout).toContain('the host is looked at when the engine answers');
    expect(life.stdout).not.toMatch(SUMMARY);

    await proxy.restore();
    await eventually(
      () => life.stdout,
      (stdout) => SUMMARY.test(stdout),
      'the host is judged',
    );
  });
});
