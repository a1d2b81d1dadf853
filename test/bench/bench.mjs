import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FULL, inTurns, measure, QUICK } from './measure.mjs';
import { BARE_LABEL, removeLabelled } from './ways/engine.mjs';
import { BenchServer } from './ways/server.mjs';

/** What one part has: servers and containers, which end with it, and where its figures go. */
export class Bench {
  figures = [];
  failures = [];
  /** Tells the containers beside ours that this part made. */
  id = randomBytes(4).toString('hex');
  #servers = [];

  static async begin(quick) {
    return new Bench(quick, await mkdtemp(join(tmpdir(), 'codebeaker-bench-')));
  }

  constructor(quick, directory) {
    this.quick = quick;
    this.directory = directory;
  }

  /** How many of something: enough for a figure, or, when it is quick, to see that it works. */
  many(full, quick) {
    return this.quick ? quick : full;
  }

  /** @param env settings besides those that every server has here, such as `{ POOL_SIZE: '0' }` */
  async server(env = {}) {
    const server = await BenchServer.start(this.directory, env, (running) => this.#servers.push(running));
    return server;
  }

  /** Times short things in blocks that take turns; see `measure`. */
  measure(ways, rounds, between) {
    return measure(ways, rounds, between, this.quick ? QUICK : FULL);
  }

  /** Times things that take the engine some while, in turns; see `inTurns`. */
  inTurns(ways, rounds, before) {
    return inTurns(ways, rounds, before, this.quick ? QUICK : FULL);
  }

  /**
   * @param figure `{ name, unit, seen, targets?, succeeded?, beside? }`: `seen` is a number or times as `measure` gives
   * them, `beside` what `sooner` and `of` make
   */
  add({ name, unit, seen, targets = [], succeeded, beside = [] }) {
    const judged = targets.map((target) => target.judge(valueOf(seen)));
    this.figures.push({ name, unit, ...numbers(seen), targets: judged, succeeded, beside: beside.map(besideOf(seen)) });
    if (succeeded && succeeded.count < succeeded.of) {
      this.failures.push(`${name}: ${succeeded.count} of ${succeeded.of} succeeded; ${succeeded.why ?? ''}`);
    }
  }

  async end() {
    await Promise.all(this.#servers.map((server) => server.end()));
    await removeLabelled(`${BARE_LABEL}=${this.id}`);
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** How many times sooner ours is than another way. */
export const sooner = (name, seen, ...targets) => ({ name, seen, targets, kind: 'sooner' });

/** How much of another way ours takes, or, of rates, gives. */
export const of = (name, seen, ...targets) => ({ name, seen, targets, kind: 'of' });

export const atMost = (limit, unit) => ({
  judge: (value) => ({ says: `≤ ${limit} ${unit}`, limit, met: value <= limit }),
});

export const atLeast = (limit, unit) => ({
  judge: (value) => ({ says: `≥ ${limit} ${unit}`, limit, met: value >= limit }),
});

const besideOf =
  (ours) =>
  ({ name, seen, targets, kind }) => {
    const ratio = kind === 'sooner' ? valueOf(seen) / valueOf(ours) : valueOf(ours) / valueOf(seen);
    return { name, ...numbers(seen), kind, ratio, targets: targets.map((target) => target.judge(ratio)) };
  };

function valueOf(seen) {
  return typeof seen === 'number' ? seen : seen.p50;
}

function numbers(seen) {
  if (typeof seen === 'number') return { value: seen };
  const { p50, p95, count } = seen;
  return { value: p50, p95, count };
}
