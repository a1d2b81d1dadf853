import { describe, expect, it } from 'vitest';

import { compareVersions, parseVersion } from './version.js';

describe('a version', () => {
  it.each([
    ['1.1.12', '', { numbers: [1, 1, 12], isVendors: false }],
    ['v2.3.6', '0123abc', { numbers: [2, 3, 6], isVendors: false }],
    ['1.1.12', 'v1.1.12-0-g51d5e94', { numbers: [1, 1, 12], isVendors: false }],
    ['1.4.0-rc.3', '', { numbers: [1, 4, 0], candidate: 3, isVendors: false }],
    ['1.0.0-rc95', '', { numbers: [1, 0, 0], candidate: 95, isVendors: false }],
    ['7.1-rc3', '', { numbers: [7, 1], candidate: 3, isVendors: false }],
    ['1.1.5+ds1', '1.1.5+ds1-1+deb12u1', { numbers: [1, 1, 5], isVendors: true }],
    ['1.1.7', '1.1.7-0ubuntu1~22.04.2', { numbers: [1, 1, 7], isVendors: true }],
    ['20.10.24+dfsg1', '5d6db84', { numbers: [20, 10, 24], isVendors: true }],
    ['6.8.0-45-generic', '', { numbers: [6, 8, 0], isVendors: true }],
    ['5.14.0-503.el9.x86_64', '', { numbers: [5, 14, 0], isVendors: true }],
    ['6.6.87.2-microsoft-standard-WSL2', '', { numbers: [6, 6, 87, 2], isVendors: true }],
  ])('%s (%s) is read', (text, build, expected) => {
    expect(parseVersion(text, build)).toEqual(expected);
  });

  it.each(['', 'unknown', 'dev'])('is not made up from %j', (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  it.each([
    ['1.1.11', '1.1.12'],
    ['1.1.9', '1.1.12'],
    ['1.4.0-rc.2', '1.4.0-rc.3'],
    ['1.4.0-rc.3', '1.4.0'],
    ['6.18', '6.18.1'],
    ['6.6.87.2', '6.6.88'],
    ['9.0', '10.0'],
  ])('%s is older than %s', (older, newer) => {
    const [a, b] = [parseVersion(older), parseVersion(newer)];
    if (!a || !b) throw new Error('not read');
    expect(compareVersions(a, b)).toBeLessThan(0);
    expect(compareVersions(b, a)).toBeGreaterThan(0);
  });

  it('is as old as itself, with or without zeros', () => {
    const [a, b] = [parseVersion('7.0'), parseVersion('7.0.0')];
    if (!a || !b) throw new Error('not read');
    expect(compareVersions(a, b)).toBe(0);
  });
});
