import type { Hunk } from './parse-patch.js';

/** How far from its place a hunk is looked for, in lines, either way. */
const MAX_OFFSET = 10_000;
/** Comparisons of 64 characters that looking for one patch's hunks may take: some tens of milliseconds. */
const MAX_COMPARISONS = 5_000_000;
const COMPARED_AT_ONCE = 64;

/** What all hunks of a patch may still compare; nobody else has his turn meanwhile. */
export class Effort {
  private left = MAX_COMPARISONS;

  /** Whether two lines are the same; false when all is spent. */
  compare(one: string | undefined, other: string): boolean {
    this.left -= 1 + other.length / COMPARED_AT_ONCE;
    return this.left > 0 && one === other;
  }

  get isSpent(): boolean {
    return this.left <= 0;
  }
}

export interface Applied {
  readonly text: string;
  /** Hunks whose old lines are nowhere to be found, in order. */
  readonly rejected: readonly Hunk[];
}

/**
 * Applies hunks as `patch` does without fuzz: each where its old lines are, nearest to the place that it names, and
 * never before the one before it.
 */
export function applyHunks(text: string, hunks: readonly Hunk[], effort = new Effort()): Applied {
  const lines = text === '' ? [] : text.split('\n');
  const endsWithNewline = lines.at(-1) === '';
  if (endsWithNewline) lines.pop();
  const result: string[] = [];
  const rejected: Hunk[] = [];
  let taken = 0;
  let shift = 0;
  let lastNewline = endsWithNewline || lines.length === 0;
  for (const hunk of hunks) {
    const before = hunk.lines.filter((line) => line[0] !== '+').map((line) => line.slice(1));
    const wanted = before.length === 0 ? hunk.oldStart + shift : hunk.oldStart - 1 + shift;
    const at = find(lines, before, wanted, taken, hunk, endsWithNewline, effort);
    if (at === undefined) {
      rejected.push(hunk);
      continue;
    }
    for (let line = taken; line < at; line++) result.push(lines[line] ?? '');
    for (const line of hunk.lines) if (line[0] !== '-') result.push(line.slice(1));
    taken = at + before.length;
    shift = at - wanted + shift;
    if (taken === lines.length) lastNewline = !hunk.newLacksNewline;
  }
  for (let line = taken; line < lines.length; line++) result.push(lines[line] ?? '');
  const joined = result.join('\n');
  return { text: result.length > 0 && lastNewline ? `${joined}\n` : joined, rejected };
}

function find(
  lines: readonly string[],
  before: readonly string[],
  wanted: number,
  from: number,
  { oldLacksNewline }: Hunk,
  endsWithNewline: boolean,
  effort: Effort,
): number | undefined {
  const last = lines.length - before.length;
  const fits = (at: number): boolean => {
    if (at < from || at > last) return false;
    const isAtEnd = at === last;
    if (before.length > 0 && oldLacksNewline && (!isAtEnd || endsWithNewline)) return false;
    return before.every((line, index) => effort.compare(lines[at + index], line));
  };
  // Lines that are only added have nothing to be found by.
  if (before.length === 0) return Math.min(Math.max(wanted, from), lines.length);
  for (let offset = 0; offset <= MAX_OFFSET && !effort.isSpent; offset++) {
    if (fits(wanted + offset)) return wanted + offset;
    if (fits(wanted - offset)) return wanted - offset;
    if (wanted + offset > last && wanted - offset < from) return undefined;
  }
  return undefined;
}
