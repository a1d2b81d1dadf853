import { setTimeout as delay } from 'node:timers/promises';

/** Unmeasured: a server that has just started has compiled nothing yet. */
const WARM_UP_MS = 3_000;
const BLOCKS = 10;
/** What a `docker exec` leaves engine and kernel to clear away must not be measured with what comes next. */
const SETTLE_MS = 300;
/** Unmeasured, before each block: after a pause processors sleep deeply and caches hold what others did. */
const BLOCK_WARM_UP_MS = 200;

/**
 * Times several ways of doing the same, in blocks that take turns, so that whatever else the machine does falls on all
 * alike.
 * @param ways functions that do it once
 * @param rounds how often each is timed
 * @param between called after each block, untimed
 */
export async function measure(ways, rounds, between = async () => undefined) {
  const times = ways.map(() => []);
  for (const way of ways) {
    await warmUp(way, WARM_UP_MS);
    await between();
  }
  for (let block = 0; block < BLOCKS; block++) {
    for (const [index, way] of ways.entries()) {
      await delay(SETTLE_MS);
      await warmUp(way, BLOCK_WARM_UP_MS);
      for (let round = 0; round < rounds[index] / BLOCKS; round++) {
        const startedAt = performance.now();
        await way();
        times[index].push(performance.now() - startedAt);
      }
    }
    await between();
  }
  return times.map((all) => {
    all.sort((a, b) => a - b);
    return { p50: all[Math.floor(all.length * 0.5)], p95: all[Math.floor(all.length * 0.95)] };
  });
}

async function warmUp(way, forMs) {
  for (const until = performance.now() + forMs; performance.now() < until;) await way();
}

export const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`;

export const ratio = (a, b) => `${(a / b).toFixed(1)} ×`;

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
