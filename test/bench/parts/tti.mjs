import { setTimeout as delay } from 'node:timers/promises';

import { sooner } from '../bench.mjs';
import { spread } from '../measure.mjs';
import { dockerRun } from '../ways/engine.mjs';

const COMMAND = ['node', '-v'];
const STAGGER_MS = 200;
/** A hundred workspaces at once must find room on this host. */
const REQUEST = { language: 'nodejs', diskLimitMB: 64 };

/** "Time to interactive" as ComputeSDK's benchmarks of sandbox providers define it: create to the first command's end. */
export const tti = {
  name: 'tti',
  title: 'Create to the end of the first command (node -v), with the default pool',
  async run(bench) {
    const server = await bench.server();
    const ours = async () => {
      const session = await server.create(REQUEST);
      await server.shell(session, COMMAND[0], COMMAND.slice(1));
      return session;
    };
    const typed = async () => void (await dockerRun(bench, 'nodejs', COMMAND));
    const clear = (session) => server.close(session);
    const count = bench.many(100, 4);
    // From now on the pool has some of them.
    await clear(await ours());
    for (const [name, method] of [
      ['one after another', sequential],
      [`one begun every ${STAGGER_MS} ms`, staggered],
      [`a burst of ${count}`, burst],
    ]) {
      await server.poolIsFull();
      const a = await method(count, ours, clear);
      const b = await method(count, typed);
      bench.add({
        name,
        unit: 'ms',
        seen: a.times,
        succeeded: a.succeeded,
        beside: [sooner(`docker run node -v, as typed${said(b.succeeded)}`, b.times)],
      });
    }
  },
};

async function sequential(count, way, clear) {
  const trials = [];
  for (let index = 0; index < count; index++) trials.push(await trial(way, clear));
  return summary(trials);
}

async function staggered(count, way, clear) {
  const trials = [];
  for (let index = 0; index < count; index++) {
    trials.push(trial(way));
    await delay(STAGGER_MS);
  }
  return cleared(await Promise.all(trials), clear);
}

async function burst(count, way, clear) {
  return cleared(await Promise.all(Array.from({ length: count }, () => trial(way))), clear);
}

async function trial(way, clear) {
  const startedAt = performance.now();
  try {
    const made = await way();
    const tookMs = performance.now() - startedAt;
    await clear?.(made);
    return { tookMs, made };
  } catch (error) {
    return { error };
  }
}

async function cleared(trials, clear) {
  if (clear) await Promise.all(trials.filter(({ error }) => !error).map(({ made }) => clear(made)));
  return summary(trials);
}

function summary(trials) {
  const failed = trials.filter(({ error }) => error);
  const times = trials.filter(({ error }) => !error).map(({ tookMs }) => tookMs);
  return {
    times: spread(times),
    succeeded: { count: times.length, of: trials.length, why: failed[0]?.error.message },
  };
}

function said({ count, of }) {
  return count === of ? '' : ` (${count} of ${of} succeeded)`;
}
