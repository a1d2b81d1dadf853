/** What was asked for of one class of sandboxes. Times are milliseconds of one clock. */
export interface Demand {
  readonly key: string;
  /** What one sandbox of the class may use. */
  readonly memoryBytes: number;
  readonly lastAskedAt: number;
  /** When one was asked for and none was there. */
  readonly missedAt: readonly number[];
}

export interface PoolBounds {
  /** Sandboxes of each class that was asked for lately. */
  readonly size: number;
  /** Of all classes together. */
  readonly maxContainers: number;
  readonly memoryBytes: number;
  /** A class that nobody has asked for so long is given up; a miss counts for as long. */
  readonly keepMs: number;
}

/**
 * How many sandboxes of each class to have ready. Each miss says that there were too few, and counts for one more; what
 * no longer misses goes back to the plain size. Within the bounds the classes get one each in turns, the one that was
 * asked for last first.
 */
export function poolTargets(demands: readonly Demand[], bounds: PoolBounds, now: number): Map<string, number> {
  const wanting = demands
    .filter(({ lastAskedAt }) => now - lastAskedAt < bounds.keepMs)
    .toSorted((a, b) => b.lastAskedAt - a.lastAskedAt)
    .map((demand) => ({ ...demand, wanted: wantedOf(demand, bounds, now) }));
  const targets = new Map<string, number>();
  let containers = bounds.maxContainers;
  let memory = bounds.memoryBytes;
  for (let turn = 1; turn <= bounds.maxContainers; turn++) {
    for (const { key, memoryBytes, wanted } of wanting) {
      if (turn > wanted || containers < 1 || memory < memoryBytes || (targets.get(key) ?? 0) < turn - 1) continue;
      targets.set(key, turn);
      containers--;
      memory -= memoryBytes;
    }
  }
  return targets;
}

function wantedOf({ missedAt }: Demand, { size, keepMs }: PoolBounds, now: number): number {
  return size + missedAt.filter((at) => now - at < keepMs).length;
}
