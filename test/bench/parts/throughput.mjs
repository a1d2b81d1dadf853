import { availableParallelism } from 'node:os';

import { atLeast, of } from '../bench.mjs';
import { spread } from '../measure.mjs';
import { spawnRateInside } from '../ways/bare.mjs';

/** Requests under way at any moment, over however many sessions. */
const CONCURRENT = 64;
const SESSIONS = [1, 8, 64];

/** How many commands a second, beside programs in a session's container that do nothing but start others. */
export const throughput = {
  name: 'throughput',
  title: `Commands a second: /bin/true, ${CONCURRENT} requests at once`,
  async run(bench) {
    const server = await bench.server({ POOL_SIZE: '0' });
    const cores = availableParallelism();
    const sessions = [];
    for (const count of SESSIONS) {
      // All of the machine for each: what is asked is what the way there costs, not what a limit gives.
      const missing = Array.from({ length: bench.many(count, Math.min(count, 4)) - sessions.length }, () =>
        server.create({ language: 'python', cpuLimit: cores, diskLimitMB: 64 }),
      );
      sessions.push(...(await Promise.all(missing)));
      const ours = [];
      const bare = [];
      for (let round = bench.quick ? 0 : -1; round < bench.many(3, 1); round++) {
        const rate = await rateOf(server, sessions, bench.many(4_000, 300));
        const bareRate = await spawnRateInside(server, sessions[0], bench.many(3, 0.3), cores);
        // The first round only warms up.
        if (round < 0) continue;
        ours.push(rate);
        bare.push(bareRate);
      }
      bench.add({
        name: `over ${sessions.length} session${sessions.length === 1 ? '' : 's'}`,
        unit: '/s',
        seen: spread(ours).p50,
        beside: [of(`bare, ${cores} at once in one container`, spread(bare).p50, atLeast(0.6, '×'))],
      });
    }
    await Promise.all(sessions.map((session) => server.close(session)));
  },
};

async function rateOf(server, sessions, forMs) {
  let count = 0;
  const startedAt = performance.now();
  const asker = async (index) => {
    while (performance.now() - startedAt < forMs) {
      await server.shell(sessions[index % sessions.length], '/bin/true');
      count++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT }, (_, index) => asker(index)));
  return count / ((performance.now() - startedAt) / 1000);
}
