import type { Judgement } from './finding.js';
import type { Host } from './host.js';

/**
 * What must be known before a check can be made: `machine` the engine's machine, which this one must be; `kernel` its
 * kernel, which a sandbox can be asked as well; `probes` what a real sandbox has shown.
 */
export type Need = 'machine' | 'kernel' | 'probes';

/** One question to a host. Pure: it looks at nothing but what it is given. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly Need[];
  judge(host: Host): Judgement;
}
