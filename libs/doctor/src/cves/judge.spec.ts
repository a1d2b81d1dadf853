import { describe, expect, it } from 'vitest';

import type { Host } from '../host.js';
import { GOOD_HOST, withEngine, withSandbox } from '../testing/hosts.js';
import { judgeComponent, stateOf } from './judge.js';
import { CVES } from './table.js';
import { compareVersions, parseVersion } from './version.js';

function cve(id: string) {
  const found = CVES.find((one) => one.id === id);
  if (!found) throw new Error(`the table has no ${id}`);
  return found;
}

describe('the table of CVEs', () => {
  it('has each once, with fixes that can be compared, the oldest first', () => {
    expect(new Set(CVES.map(({ id }) => id)).size).toBe(CVES.length);
    for (const { id, fixedIn, since } of CVES) {
      expect(id).toMatch(/^CVE-\d{4}-\d{4,}$/);
      const fixes = fixedIn.map((text) => parseVersion(text));
      expect(fixes, id).not.toContain(undefined);
      expect(fixes, id).toEqual(fixes.toSorted((a, b) => (a && b ? compareVersions(a, b) : 0)));
      if (since !== undefined) expect(parseVersion(since), id).toBeDefined();
    }
  });
});

describe('a version', () => {
  it.each([
    ['CVE-2024-21626', '1.1.11', '', 'affected'],
    ['CVE-2024-21626', '1.1.12', '', 'fixed'],
    ['CVE-2024-21626', '1.2.0', '', 'fixed'],
    ['CVE-2024-21626', '1.1.5+ds1', '1.1.5+ds1-1+deb12u1', 'vendors'],
    ['CVE-2025-31133', '1.1.15', '', 'affected'],
    ['CVE-2025-31133', '1.2.7', '', 'affected'],
    ['CVE-2025-31133', '1.2.8', '', 'fixed'],
    ['CVE-2025-31133', '1.3.2', '', 'affected'],
    ['CVE-2025-31133', '1.3.3', '', 'fixed'],
    ['CVE-2025-31133', '1.4.0-rc.2', '', 'affected'],
    ['CVE-2025-31133', '1.4.0-rc.3', '', 'fixed'],
    ['CVE-2025-31133', '1.5.0', '', 'fixed'],
    ['CVE-2025-31133', '1.3.0', '1.3.0-0ubuntu2~24.04.1', 'vendors'],
    ['CVE-2026-31431', '4.13.9', '', 'fixed'],
    ['CVE-2026-31431', '4.19.300', '', 'affected'],
    ['CVE-2026-31431', '6.7.9', '', 'affected'],
    ['CVE-2026-31431', '6.18.21', '', 'affected'],
    ['CVE-2026-31431', '6.18.22', '', 'fixed'],
    ['CVE-2026-31431', '6.18.44-fc-v782', '', 'fixed'],
    ['CVE-2026-31431', '6.18.8-9.213.amzn2023', '', 'vendors'],
    ['CVE-2026-31431', '6.8.0-45-generic', '', 'vendors'],
    ['CVE-2026-31431', '7.0.1', '', 'fixed'],
    ['CVE-2026-31431', '7.3.0', '', 'fixed'],
    ['CVE-2026-43284', '7.0.4', '', 'affected'],
    ['CVE-2026-43500', '6.12.200', '', 'unknown'],
    ['CVE-2026-43500', '6.18.28', '', 'affected'],
    ['CVE-2022-0847', '5.4.300', '', 'fixed'],
    ['CVE-2022-0847', '5.13.0', '', 'affected'],
    ['CVE-2022-0847', '5.15.25', '', 'fixed'],
    ['CVE-2025-9074', '4.24.2', '', 'fixed'],
    ['CVE-2025-9074', '4.44.2', '', 'affected'],
  ])('as to %s: %s %s is %s', (id, version, build, state) => {
    const parsed = parseVersion(version, build);
    if (!parsed) throw new Error('not read');
    expect(stateOf(cve(id), parsed)).toBe(state);
  });
});

describe('a component', () => {
  const runc = (version: string, build: string, host: Host = GOOD_HOST) =>
    judgeComponent(host, { component: 'runc', version, build });
  const kernel = (version: string, host: Host = GOOD_HOST) => judgeComponent(host, { component: 'kernel', version });

  it('with a known way out fails, names it and says which release to take', () => {
    const { verdict, escapes, found, mend } = runc('1.1.11', 'v1.1.11-0-g4bccb38');

    expect(verdict).toBe('fail');
    expect(escapes).toContain('CVE-2024-21626');
    expect(found).toMatch(/runc 1\.1\.11\. .*CVE-2024-21626/);
    expect(mend).toBe('Upgrade runc: 1.2.8 is the nearest release with the fixes.');
  });

  it('of a distribution is not known, and never an escape for its number alone', () => {
    const { verdict, escapes, found } = runc('1.1.5+ds1', '1.1.5+ds1-1+deb12u1');

    expect({ verdict, escapes }).toEqual({ verdict: 'unknown', escapes: [] });
    expect(found).toContain('vendor-patched');
  });

  it('of a distribution is believed where its changelog names the fix', () => {
    const cves = CVES.filter(({ component }) => component === 'runc').map(({ id }) => id);
    const packaged = { version: '1.1.5+ds1-1+deb12u9', cves };
    const judged = judgeComponent(GOOD_HOST, { component: 'runc', version: '1.1.5+ds1', package: packaged });

    expect(judged).toMatchObject({ verdict: 'ok', escapes: [], mend: '' });
  });

  it('whose weakness no sandbox can reach is to be upgraded, but no escape', () => {
    const { verdict, escapes, found } = kernel('6.18.21');

    expect({ verdict, escapes }).toEqual({ verdict: 'warn', escapes: [] });
    expect(found).toContain('docker/seccomp.json denies crypto sockets');
  });

  it.each([
    ['the engine filters nothing', withEngine({ securityOptions: [] })],
    ['a program in a sandbox got one', withSandbox({ doors: { AF_ALG: 'allowed' } })],
    ['the kernel itself answered', withSandbox({ doors: { AF_ALG: 'EAFNOSUPPORT' } })],
  ])('is an escape when the filter does not hold: %s', (_how, host) => {
    expect(kernel('6.18.21', host)).toMatchObject({
      verdict: 'fail',
      escapes: expect.arrayContaining(['CVE-2026-31431']),
    });
  });

  it('with a hole that needs nothing is an escape whatever is denied', () => {
    expect(kernel('5.15.24')).toMatchObject({ verdict: 'fail', escapes: ['CVE-2022-0847'] });
  });

  it('that is new enough is well', () => {
    expect(kernel('7.1.0')).toMatchObject({ verdict: 'ok', mend: '', escapes: [] });
  });
});
