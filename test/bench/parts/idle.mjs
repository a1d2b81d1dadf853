import { setTimeout as delay } from 'node:timers/promises';

import { atMost, of } from '../bench.mjs';
import { spread } from '../measure.mjs';
import { bareContainer } from '../ways/engine.mjs';
import { availableMiB, costOf } from '../ways/host.mjs';

/** Until the kernel has given back what making them took. */
const SETTLE_MS = 5_000;

/** What a container costs that does nothing: one of the pool, and one that only sleeps. */
export const idle = {
  name: 'idle',
  title: 'A container that does nothing',
  async run(bench) {
    const count = bench.many(24, 2);
    const before = await settledAvailableMiB(bench);
    const bare = await Promise.all(Array.from({ length: count }, () => bareContainer(bench, 'python')));
    const bareMiB = (before - (await settledAvailableMiB(bench))) / count;
    const bareCosts = await Promise.all(bare.map(({ id }) => costOf(id)));
    await Promise.all(bare.map((container) => container.remove({ force: true })));

    const between = await settledAvailableMiB(bench);
    const pooled = await bench.server({
      POOL_LANGUAGES: 'python',
      POOL_SIZE: String(count),
      POOL_MAX_CONTAINERS: String(count),
      POOL_MEMORY_MB: String(count * 512),
    });
    await pooled.poolIsFull(count);
    const usedMiB = between - (await settledAvailableMiB(bench));
    const oursMiB = (usedMiB - (await pooled.anonymousMiB())) / count;
    const costs = await Promise.all((await pooled.containers()).map(({ Id }) => costOf(Id)));
    const median = (all, name) => spread(all.map((cost) => cost[name])).p50;
    bench.add({
      name: 'memory of the host, beyond the shim',
      unit: 'MiB',
      seen: oursMiB - median(costs, 'shimMiB'),
      targets: [atMost(20, 'MiB')],
    });
    bench.add({
      name: 'memory of the host, all in all',
      unit: 'MiB',
      seen: oursMiB,
      beside: [of('a container that sleeps, without limits', bareMiB)],
    });
    for (const [name, title, unit] of [
      ['cgroupMiB', 'memory of its control group', 'MiB'],
      ['shimMiB', "the engine's shim", 'MiB'],
      ['processes', 'processes in it', ''],
      ['threads', 'threads of its main process', ''],
    ]) {
      const beside = [of('a container that sleeps, without limits', median(bareCosts, name))];
      bench.add({ name: title, unit, seen: median(costs, name), beside });
    }
  },
};

async function settledAvailableMiB(bench) {
  await delay(bench.many(SETTLE_MS, 100));
  return availableMiB();
}
