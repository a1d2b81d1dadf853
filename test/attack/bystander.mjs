import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Session B: does small timed work without a pause, and knows what is to come back. */
export class Bystander {
  /** What was wrong with an answer, if one was. */
  fault;
  #child;
  #rounds = [];
  #asides = [];
  #heard = () => undefined;

  /** When it resolves, the first round is done. @param pauseMs between two rounds */
  static async begin(url, pauseMs) {
    const bystander = new Bystander(url, pauseMs);
    await bystander.#roundFrom(0);
    return bystander;
  }

  constructor(url, pauseMs) {
    this.#child = fork(join(import.meta.dirname, 'bystander-process.mjs'), [url, String(pauseMs)]);
    this.#child.on('message', (message) => {
      if (message.fault === undefined) this.#rounds.push(message);
      else this.fault = message.fault;
      this.#heard();
    });
    this.#child.once('exit', () => {
      this.fault ??= 'it has ended';
      this.#heard();
    });
  }

  /** What `work` answers, and how long the rounds took that began meanwhile, in ms, ascending. */
  async during(work) {
    this.#rounds = [];
    this.#asides = [];
    const from = now();
    const result = await work();
    const to = now();
    // The round that is under way belongs to it as well, above all when it is slow.
    await this.#roundFrom(to);
    const samples = this.#rounds
      .filter((round) => round.from >= from && round.from <= to)
      .filter((round) => !this.#asides.some((aside) => aside.from <= round.to && round.from <= aside.to))
      .map((round) => round.to - round.from);
    return { result, samples: samples.sort((a, b) => a - b) };
  }

  /** Does what is no part of an attack, such as making its session: rounds meanwhile are not counted. */
  async aside(work) {
    const aside = { from: now(), to: Number.POSITIVE_INFINITY };
    this.#asides.push(aside);
    try {
      return await work();
    } finally {
      aside.to = now();
    }
  }

  async end() {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.send('end');
    await gone;
  }

  /** Resolves when a round that began at `from` or later is over, or when there will be none. */
  async #roundFrom(from) {
    while (this.fault === undefined && !this.#rounds.some((round) => round.from >= from)) {
      await new Promise((resolve) => (this.#heard = resolve));
    }
  }
}

export function p95(ascending) {
  return ascending[Math.floor(ascending.length * 0.95)] ?? Number.NaN;
}

/** The same clock in every process. */
function now() {
  return performance.timeOrigin + performance.now();
}
