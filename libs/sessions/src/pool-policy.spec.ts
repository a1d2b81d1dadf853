import { describe, expect, it } from 'vitest';

import { type Demand, type PoolBounds, poolTargets } from './pool-policy.js';

const NOW = 1_000_000;
const BOUNDS: PoolBounds = { size: 2, maxContainers: 8, memoryBytes: 1_000, keepMs: 60_000 };

const demand = (key: string, changes: Partial<Demand> = {}): Demand => ({
  key,
  memoryBytes: 100,
  lastAskedAt: NOW - 1_000,
  missedAt: [],
  ...changes,
});
const targets = (demands: Demand[], bounds: Partial<PoolBounds> = {}): Record<string, number> =>
  Object.fromEntries(poolTargets(demands, { ...BOUNDS, ...bounds }, NOW));

describe('poolTargets', () => {
  it('has the plain size ready of what was asked for lately, and nothing of the rest', () => {
    const old = demand('old', { lastAskedAt: NOW - 60_000 });

    expect(targets([demand('python'), demand('go'), old])).toEqual({ python: 2, go: 2 });
    expect(targets([])).toEqual({});
  });

  it('has one more for each miss, until the misses are old', () => {
    const missedAt = [NOW - 70_000, NOW - 50_000, NOW - 10];

    expect(targets([demand('python', { missedAt })])).toEqual({ python: 4 });
  });

  it('never has more containers than it may, nor more memory', () => {
    const missedAt = Array.from({ length: 50 }, () => NOW);

    expect(targets([demand('python', { missedAt })])).toEqual({ python: 8 });
    expect(targets([demand('python', { missedAt })], { memoryBytes: 599 })).toEqual({ python: 5 });
    expect(targets([demand('python')], { maxContainers: 0 })).toEqual({});
  });

  it('gives one to each before any gets a second, the one asked for last first', () => {
    const [older, newer] = [demand('older', { lastAskedAt: NOW - 9_000 }), demand('newer')];

    expect(targets([older, newer], { maxContainers: 3 })).toEqual({ newer: 2, older: 1 });
    expect(targets([older, newer], { maxContainers: 1 })).toEqual({ newer: 1 });
  });

  it('has none of a class that is too large for its memory, and the others all the same', () => {
    expect(targets([demand('large', { memoryBytes: 2_000 }), demand('small')])).toEqual({ small: 2 });
  });
});
