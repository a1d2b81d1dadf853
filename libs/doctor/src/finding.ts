/** `unknown` counts as a warning: it is what cannot be told from here, never what was not looked at. */
export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown';

/** What one check has to say of a host. */
export interface Judgement {
  readonly verdict: Verdict;
  /** What is so here: one or more sentences for a person. */
  readonly found: string;
  /** What to do about it; empty where nothing need be done. */
  readonly mend: string;
  /** Known ways out of a sandbox that are open here, each by its CVE. */
  readonly escapes?: readonly string[];
}

export interface Finding extends Judgement {
  /** Stays the same from version to version. */
  readonly id: string;
  readonly title: string;
  readonly escapes: readonly string[];
}

export const ok = (found: string): Judgement => ({ verdict: 'ok', found, mend: '' });
export const warn = (found: string, mend: string): Judgement => ({ verdict: 'warn', found, mend });
export const fail = (found: string, mend: string): Judgement => ({ verdict: 'fail', found, mend });
export const unknown = (found: string, mend: string): Judgement => ({ verdict: 'unknown', found, mend });

const BY_WEIGHT: readonly Verdict[] = ['ok', 'unknown', 'warn', 'fail'];

/** The heaviest of several verdicts; `ok` of none. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return BY_WEIGHT[Math.max(0, ...verdicts.map((verdict) => BY_WEIGHT.indexOf(verdict)))] ?? 'ok';
}
