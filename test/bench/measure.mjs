import { setTimeout as delay } from 'node:timers/promises';

/**
 * How patiently is measured. A server that has just started has compiled nothing yet, hence the warm up. What a
 * `docker exec` leaves engine and kernel to clear away must not be measured with what comes next, hence the settling;
 * and after such a pause processors sleep deeply and caches hold what others did, hence the warm up of each block.
 */
export const FULL = {
  warmUpMs: 10_000,
  blocks: 10,
  settleMs: 300,
  blockWarmUpMs: 200,
  turnSettleMs: 500,
  firstRound: -1,
};
export const QUICK = { warmUpMs: 50, blocks: 1, settleMs: 10, blockWarmUpMs: 0, turnSettleMs: 10, firstRound: 0 };

/**
 * Times several ways of doing the same, in blocks that take turns, so that whatever else the machine does falls on all
 * alike.
 * @param ways functions that do it once
 * @param rounds how often each is timed
 * @param between called after each block, untimed
 */
export async function measure(ways, rounds, between = async () => undefined, patience = FULL) {
  const { warmUpMs, blocks, settleMs, blockWarmUpMs } = patience;
  const times = ways.map(() => []);
  for (const way of ways) {
    await warmUp(way, warmUpMs);
    await between();
  }
  for (let block = 0; block < blocks; block++) {
    for (const [index, way] of ways.entries()) {
      await delay(settleMs);
      await warmUp(way, blockWarmUpMs);
      for (let round = 0; round < rounds[index] / blocks; round++) {
        const startedAt = performance.now();
        await way();
        times[index].push(performance.now() - startedAt);
      }
    }
    await between();
  }
  return times.map(spread);
}

/**
 * Times several ways of doing the same, one after the other in each round, after a round that only warms up. A way may
 * return what undoes it, which is not timed.
 * @param before called before each, untimed
 */
export async function inTurns(ways, rounds, before = async () => undefined, { turnSettleMs, firstRound } = FULL) {
  const times = ways.map(() => []);
  for (let round = firstRound; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      await before();
      await delay(turnSettleMs);
      const startedAt = performance.now();
      const undo = await way();
      if (round >= 0) times[index].push(performance.now() - startedAt);
      await undo?.();
    }
  }
  return times.map(spread);
}

/** Median, and what 19 of 20 stay below. */
export function spread(times) {
  const sorted = [...times].sort((a, b) => a - b);
  return {
    p50: sorted[Math.floor(sorted.length * 0.5)],
    p95: sorted[Math.floor(sorted.length * 0.95)],
    count: sorted.length,
  };
}

async function warmUp(way, forMs) {
  for (const until = performance.now() + forMs; performance.now() < until;) await way();
}

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

/** Prints rows in columns; the first row is the heading. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    console.log(
      row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '),
    );
  }
  console.log();
}
