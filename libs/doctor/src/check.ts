import type { Judgement } from './finding.js';
import type { Host } from './host.js';

/** What must be known before a check can be made: `machine` this machine's facts, `probes` those of a real sandbox. */
export type Need = 'machine' | 'probes';

/** One question to a host. Pure: it looks at nothing but what it is given. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly Need[];
  judge(host: Host): Judgement;
}
