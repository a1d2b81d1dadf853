import { describe, expect, it } from 'vitest';

import { FakeEngine, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import { CHECKS } from './checks/index.js';
import { Doctor, report } from './doctor.js';
import type { Host } from './host.js';
import { refusalOf, shortOf } from './tenancy.js';
import { GOOD_HOST, withComponent, withEngine } from './testing/hosts.js';

const OPTIONS = { ...GOOD_HOST.settings, imageTag: 'latest' };
const TENANTS = { multiTenant: true, allowKnownEscapes: false };
const OLD_RUNC = report(withComponent('runc', '1.1.11'), CHECKS);

describe('a report', () => {
  it('counts every verdict and has every finding', () => {
    const { totals, findings, escapes, host } = report(GOOD_HOST, CHECKS);

    expect(totals).toEqual({ ok: CHECKS.length, warn: 0, fail: 0, unknown: 0 });
    expect(findings.map(({ id }) => id)).toEqual(CHECKS.map(({ id }) => id));
    expect(escapes).toEqual([]);
    expect(host).toMatchObject({ kernel: '7.1.3', runc: '1.5.2' });
  });

  it('says so where the engine’s machine cannot be looked at, and asks a sandbox for its kernel', () => {
    const { engine, settings, probes } = GOOD_HOST;
    const elsewhere = (host: Host): string[] =>
      report(host, CHECKS)
        .findings.filter(({ found }) => found.startsWith('The engine runs on another machine'))
        .map(({ id, verdict }) => `${id} ${verdict}`);

    expect(elsewhere({ engine, settings, probes })).toEqual(['disk-space unknown']);
    expect(elsewhere({ engine, settings, probes: 'none' })).toContain('core-pattern unknown');
  });
});

describe('several tenants', () => {
  it('are refused on a host with a known way out, with its name, the mend and the settings', () => {
    const refusal = refusalOf(OLD_RUNC, TENANTS);

    expect(refusal).toContain('CVE-2024-21626');
    expect(refusal).toContain('Upgrade runc');
    expect(refusal).toContain('MULTI_TENANT=false');
    expect(refusal).toContain('ALLOW_KNOWN_ESCAPES=true');
  });

  it.each([
    ['there is one tenant', { multiTenant: false, allowKnownEscapes: false }],
    ['it is allowed', { multiTenant: true, allowKnownEscapes: true }],
  ])('are not looked at where %s', (_why, tenancy) => {
    expect(refusalOf(OLD_RUNC, tenancy)).toBeUndefined();
  });

  it.each([
    ['everything is well', GOOD_HOST],
    ['the version is vendor-patched', withComponent('runc', '1.1.5+ds1', '1.1.5+ds1-1+deb12u1')],
    ['sandboxes cannot reach the weakness', withEngine({ kernel: '6.18.21' })],
    ['something else fails', withEngine({ reachedBy: 'tcp' })],
  ])('are served where %s', (_why, host) => {
    expect(refusalOf(report(host, CHECKS), TENANTS)).toBeUndefined();
  });
});

describe('the short of a report', () => {
  it('has a line for what is not well, and one for all', () => {
    const { lines, summary } = shortOf(OLD_RUNC);

    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^fail: OCI runtime: .*Upgrade runc/);
    expect(summary).toContain('1 fail');
  });
});

describe('the doctor', () => {
  it('makes no sandbox for a quick look, and leaves out what needs one', async () => {
    const engine = new FakeEngine();
    const { findings } = await new Doctor(new FakeRuntime(engine), OPTIONS).quick();

    expect(engine.specs).toEqual([]);
    const ids = findings.map(({ id }) => id);
    expect(ids).toContain('kernel');
    expect(ids).not.toContain('network');
    expect(ids).not.toContain('disk-space');
  });

  it('says that there is no image to make a sandbox of, and makes the other checks', async () => {
    const engine = new FakeEngine();
    engine.images.clear();
    const { findings } = await new Doctor(new FakeRuntime(engine), OPTIONS).full();

    expect(findings).toHaveLength(CHECKS.length);
    expect(findings.find(({ id }) => id === 'sandbox')).toMatchObject({
      verdict: 'fail',
      found: expect.stringContaining('codebeaker-python:latest'),
    });
  });

  it('reports that the engine does not answer', async () => {
    const engine = new FakeEngine();
    engine.isAway = true;
    const doctor = new Doctor(new FakeRuntime(engine), OPTIONS);

    expect(await doctor.full()).toMatchObject({ totals: { fail: 1 }, findings: [{ id: 'engine', verdict: 'fail' }] });
    await expect(doctor.quick()).rejects.toMatchObject({ kind: 'engine_unavailable' });
  });
});
