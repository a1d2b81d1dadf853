import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { CHECKS } from '#libs/doctor';

const ROOT = join(import.meta.dirname, '..');
const DOCS = join(ROOT, 'docs');

interface Case {
  readonly group: string;
  readonly number: number;
}

interface Range {
  readonly group: string;
  readonly from: number;
  readonly to: number;
}

const cases: Case[] = readdirSync(join(ROOT, 'test/attack/cases'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.mjs'))
  .map((path) => {
    const [group = '', file = ''] = path.split(/[\\/]/);
    return { group, number: Number.parseInt(file, 10) };
  });

/** The rows of the table of boundaries, by their first cell. */
const rows = new Map(
  readFileSync(join(DOCS, 'security.md'), 'utf8')
    .split('## Each boundary')[1]
    ?.split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (---|boundary)/.test(line))
    .map((line) => {
      const [, boundary = '', , programs = '', specs = ''] = line.split('|').map((cell) => cell.trim());
      return [boundary, { ranges: rangesIn(programs), specs: linksIn(specs) }];
    }),
);
const ranges = [...rows.values()].flatMap((row) => row.ranges);

/** As in `processes 9–13, output 38`. */
function rangesIn(cell: string): Range[] {
  return [...cell.matchAll(/([a-z]+) (\d+)(?:–(\d+))?/g)].map(([, group = '', from, to]) => ({
    group,
    from: Number(from),
    to: Number(to ?? from),
  }));
}

function linksIn(cell: string): string[] {
  return [...cell.matchAll(/\]\(([^)]+)\)/g)].map(([, path = '']) => path);
}

const isIn =
  (range: Range) =>
  ({ group, number }: Case): boolean =>
    group === range.group && number >= range.from && number <= range.to;

describe('the table of boundaries', () => {
  it('has boundaries, each with what proves it', () => {
    expect(rows.size).toBeGreaterThan(10);
    for (const [boundary, row] of rows) expect(row.specs.length + row.ranges.length, boundary).toBeGreaterThan(0);
  });

  it('names every hostile program that there is', () => {
    expect(cases.length).toBeGreaterThan(70);
    const unnamed = cases.filter((one) => !ranges.some((range) => isIn(range)(one)));

    expect(unnamed).toEqual([]);
  });

  it('names no hostile program that is not there', () => {
    for (const range of ranges) {
      const named = Array.from({ length: range.to - range.from + 1 }, (_, at) => range.from + at);
      const own = cases.filter(isIn(range)).map(({ number }) => number);
      expect(
        own.toSorted((a, b) => a - b),
        `${range.group} ${range.from}–${range.to}`,
      ).toEqual(named);
    }
  });

  it.each([...rows])('names specs that are there: %s', (_boundary, { specs }) => {
    for (const path of specs) {
      expect(path).toMatch(/\.spec\.ts$/);
      expect(existsSync(join(DOCS, path)), path).toBe(true);
    }
  });
});

describe('docs/operations.md', () => {
  it('names every check of the doctor, in their order', () => {
    const line = readFileSync(join(DOCS, 'operations.md'), 'utf8')
      .split('\n')
      .find((text) => text.startsWith('The ids: '));
    const ids = [...(line ?? '').matchAll(/`([a-z-]+)`/g)].map(([, id]) => id);

    expect(ids).toEqual(CHECKS.map(({ id }) => id));
  });
});
