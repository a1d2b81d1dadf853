import type { SandboxLimits, SandboxSpec } from '#libs/runtime';

import type { Demand } from './pool-policy.js';

/** Clients choose limits: only so many classes are remembered. */
const MAX_CLASSES = 64;
const MAX_MISSES = 64;

/** Image and limits: two sandboxes of one class are alike in all that a client can see. */
export function classOf({ image, limits }: SandboxSpec): string {
  const { memoryBytes, cpus, cpuShares, pids } = limits;
  return JSON.stringify([fixedOf({ image, limits }), memoryBytes, cpus, cpuShares ?? null, pids]);
}

/** What cannot be changed once a sandbox is made. */
function fixedOf({ image, limits }: Pick<SandboxSpec, 'image' | 'limits'>): string {
  const { diskBytes, tmpBytes, openFiles, network } = limits;
  return JSON.stringify([image, diskBytes, tmpBytes, openFiles, network]);
}

/** Whether a sandbox made for `made` can become one for `asked` by a change of its limits. */
export function canBecome(made: SandboxSpec, asked: SandboxSpec): boolean {
  return fixedOf(made) === fixedOf(asked) && !losesShares(made.limits, asked.limits);
}

/** A weight can be changed, but not be taken back to the engine's default. */
function losesShares(made: SandboxLimits, asked: SandboxLimits): boolean {
  return made.cpuShares !== undefined && asked.cpuShares === undefined;
}

/** Which classes of sandboxes were asked for lately, and in vain how often. */
export class PoolDemand {
  private readonly classes = new Map<string, { spec: SandboxSpec; lastAskedAt: number; missedAt: number[] }>();

  /** Returns whether the class was one already. */
  asked(spec: SandboxSpec, now: number): boolean {
    const key = classOf(spec);
    const known = this.classes.get(key);
    // Kept in the order in which they were asked for last.
    this.classes.delete(key);
    this.classes.set(key, { spec, lastAskedAt: now, missedAt: known?.missedAt ?? [] });
    const [oldest] = this.classes.keys();
    if (this.classes.size > MAX_CLASSES && oldest !== undefined) this.classes.delete(oldest);
    return known !== undefined;
  }

  missed(spec: SandboxSpec, now: number): void {
    const missedAt = this.classes.get(classOf(spec))?.missedAt;
    missedAt?.push(now);
    if (missedAt && missedAt.length > MAX_MISSES) missedAt.shift();
  }

  specOf(key: string): SandboxSpec | undefined {
    return this.classes.get(key)?.spec;
  }

  /** Until it is asked for again: it cannot be made. */
  forget(key: string): void {
    this.classes.delete(key);
  }

  all(): Demand[] {
    return [...this.classes].map(([key, { spec, lastAskedAt, missedAt }]) => ({
      key,
      memoryBytes: spec.limits.memoryBytes,
      lastAskedAt,
      missedAt,
    }));
  }
}
