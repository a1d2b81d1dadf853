import { describe, expect, it } from 'vitest';

import type { Report } from '#libs/doctor';

import { reportText, wrap } from './report-text.js';

const REPORT: Report = {
  checkedAt: '2026-11-24T12:00:00.000Z',
  host: { kernel: '6.18.44', runc: '1.5.2' },
  totals: { ok: 1, warn: 0, fail: 1, unknown: 0 },
  escapes: ['CVE-2024-21626'],
  findings: [
    { id: 'swap', title: 'swap', verdict: 'ok', found: 'There is none.', mend: '', escapes: [] },
    {
      id: 'runtime',
      title: 'OCI runtime',
      verdict: 'fail',
      found: 'runc 1.1.11 lets programs out.',
      mend: 'Upgrade runc.',
      escapes: ['CVE-2024-21626'],
    },
  ],
};

describe('a report for a person', () => {
  it('has each verdict with what was found, and below it what to do', () => {
    const lines = reportText(REPORT).split('\n');

    expect(lines[0]).toMatch(/^ok +swap +There is none\.$/);
    expect(lines[1]).toMatch(/^FAIL +OCI runtime +runc 1\.1\.11 lets programs out\.$/);
    expect(lines[2]).toMatch(/^ +→ Upgrade runc\.$/);
    expect(lines[1]?.indexOf('runc')).toBe(lines[2]?.indexOf('→'));
  });

  it('ends with what the verdicts are of, how many there are, and the ways out', () => {
    expect(reportText(REPORT)).toMatch(
      /kernel 6\.18\.44, runc 1\.5\.2\n1 ok, 0 to mend, 1 failed, 0 not known\nKnown .*21626\n$/,
    );
  });

  it('fits into the terminal', () => {
    const widest = Math.max(
      ...reportText(REPORT, 80)
        .split('\n')
        .slice(0, 3)
        .map((line) => line.length),
    );

    expect(widest).toBeLessThanOrEqual(80);
  });
});

describe('text', () => {
  it.each([
    ['one two three', 7, ['one two', 'three']],
    ['one  two', 80, ['one two']],
    ['a verylongword b', 5, ['a', 'verylongword', 'b']],
  ])('%j is wrapped at %d', (text, width, lines) => {
    expect(wrap(text, width)).toEqual(lines);
  });
});
