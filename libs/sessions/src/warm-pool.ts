import { Logger } from '@nestjs/common';
import { freemem } from 'node:os';

import type { Sandbox, SandboxRuntime, SandboxSpec } from '#libs/runtime';

import { isEngineAway } from './adoption.js';
import type { PoolOptions } from './options.js';
import { type PoolCounts, PoolCounter } from './pool-counts.js';
import { canBecome, classOf, PoolDemand } from './pool-demand.js';
import { poolTargets } from './pool-policy.js';
import { settledWithin } from './within.js';

/** An agent that lives answers within a fraction of this, however busy the host. */
const ANSWER_MS = 1_000;
/** How long is waited for what is to wait in one. */
const JOIN_MS = 5_000;
/** What was just handed out gets so long alone, before the engine makes the next one beside its first command. */
const FILL_DELAY_MS = 150;
/** A server that never comes back leaves pooled sandboxes to themselves: they end when not renewed for so long. */
const SELF_DESTRUCT_MS = 600_000;
const RENEW_MS = 60_000;
const UNCLAIMED = Buffer.alloc(0);

/** A sandbox that no tenant has touched, ready to be handed out. */
export interface Pooled {
  readonly sandbox: Sandbox;
  /** What it was made for. */
  readonly spec: SandboxSpec;
  readonly imageId: string;
  /** As `performance.now` counts: no clock that somebody sets may make it old. */
  readonly readyAt: number;
  renewedAt: number;
}

/** What the pool must know of its surroundings. */
export interface PoolSurroundings {
  /** Sandboxes that the server may have beside its sessions and those that wait to be. */
  room(): number;
  /** Whether the engine has nothing better to do than to make one ahead. */
  mayFill(): boolean;
}

/** Whoever has something wait in sandboxes that nobody has yet. */
export interface PoolCompany {
  /** Called for each that is made ahead, before it is ready. */
  join(sandbox: Sandbox, spec: SandboxSpec): Promise<void>;
  /** Called where the sandbox gets other limits than it was made with. */
  leave(sandbox: Sandbox): Promise<void>;
}

/**
 * Sandboxes made ahead, of the classes that were asked for lately. Each is handed out once and never comes back. The
 * next server removes what a dead one has left: nobody has claimed it.
 */
export class WarmPool {
  private readonly logger = new Logger(WarmPool.name);
  private readonly idle = new Set<Pooled>();
  private readonly demand = new PoolDemand();
  private readonly counter = new PoolCounter();
  private readonly leaving = new Map<string, Promise<void>>();
  private readonly expected: SandboxSpec[] = [];
  private company: PoolCompany | undefined;
  private filling: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** After a failure until the next look: what failed once must not be tried in a circle. */
  private isResting = false;
  private closed = false;

  constructor(
    private readonly runtime: SandboxRuntime,
    private readonly options: PoolOptions,
    private readonly around: PoolSurroundings,
  ) {}

  /** To be called before anything is made. */
  accompany(company: PoolCompany): void {
    this.company = company;
  }

  /** Ids of all that is in the pool or on its way out of it. */
  get sandboxIds(): string[] {
    return [...[...this.idle].map(({ sandbox }) => sandbox.id), ...this.leaving.keys()];
  }

  get isFilling(): boolean {
    return this.filling !== undefined;
  }

  counts(now = performance.now()): PoolCounts {
    const ages = [...this.idle].map(({ readyAt }) => now - readyAt);
    return this.counter.counts(
      this.idle.size,
      this.filling ? 1 : 0,
      ages.length === 0 ? null : Math.round(Math.max(...ages)),
    );
  }

  /** Always has some of this class ready, though nobody has asked for one lately. */
  expect(spec: SandboxSpec): void {
    if (this.isOff) return;
    this.expected.push(spec);
    this.demand.asked(spec, performance.now());
    this.fillSoon();
  }

  /** Somebody wants one of this class. Returns whether that was to be expected. */
  asked(spec: SandboxSpec): boolean {
    if (this.isOff) return false;
    this.fillSoon();
    return this.demand.asked(spec, performance.now());
  }

  /**
   * Takes one out that is, or can become, what is asked for; undefined when there is none. It is the caller's from now
   * on, and yet to be handed over by `handOver`.
   */
  reserve(spec: SandboxSpec): Pooled | undefined {
    const pooled = this.isOff ? undefined : this.find(spec);
    if (pooled) this.idle.delete(pooled);
    return pooled;
  }

  /** Who asked got none. */
  missed(spec: SandboxSpec, wasExpected: boolean): void {
    if (this.isOff) return;
    this.counter.misses++;
    if (wasExpected) this.demand.missed(spec, performance.now());
  }

  /**
   * Makes a reserved one what is asked for and hands it over. Where its limits are those already, nobody but its agent
   * is asked, and that once: by its answer to the claim it is known to live.
   * @param claim tells its agent whose it is
   * @returns false when it did not answer or could not be changed; it is removed then
   */
  async handOver(pooled: Pooled, spec: SandboxSpec, claim: () => Promise<void>): Promise<boolean> {
    const { sandbox } = pooled;
    const isExact = classOf(pooled.spec) === classOf(spec);
    try {
      if (!isExact) {
        if (this.company) await answered(this.company.leave(sandbox));
        await sandbox.setLimits(spec.limits);
      }
      await answered(claim());
    } catch (error) {
      this.logger.warn({ message: 'a pooled sandbox could not be handed over', containerId: sandbox.id, error });
      this.discard(pooled);
      return false;
    }
    this.counter.hit(performance.now() - pooled.readyAt, !isExact);
    return true;
  }

  /** Removes all that is ready: its room is needed. */
  async empty(): Promise<void> {
    for (const pooled of this.idle) this.discard(pooled);
    this.isResting = true;
    await Promise.allSettled(this.leaving.values());
  }

  /** To be called when the room for it has changed. */
  adjust(): void {
    if (this.isOff) return;
    this.trim();
    this.fillSoon();
  }

  /** Removes what is more than there should be now. */
  private trim(): void {
    const targets = this.targets();
    for (const pooled of this.idle) {
      const key = classOf(pooled.spec);
      const left = targets.get(key) ?? 0;
      if (left < 1) this.discard(pooled);
      else targets.set(key, left - 1);
    }
  }

  /** To be called now and then: gives up what nobody asks for any more or what is of an old image, renews the rest. */
  async look(): Promise<void> {
    if (this.isOff) return;
    this.isResting = false;
    for (const spec of this.expected) this.demand.asked(spec, performance.now());
    this.trim();
    await this.dropOldImages().catch((error: unknown) => {
      if (!isEngineAway(error)) throw error;
    });
    await Promise.all([...this.idle].map((pooled) => this.renew(pooled)));
    this.fillSoon();
  }

  /** Removes all of it; nothing is made from now on. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.filling;
    await this.empty();
  }

  private get isOff(): boolean {
    return this.options.size < 1 || this.options.maxContainers < 1 || this.closed;
  }

  private find(spec: SandboxSpec): Pooled | undefined {
    const key = classOf(spec);
    const all = [...this.idle].filter(({ sandbox }) => !sandbox.gone.aborted);
    return all.find((pooled) => classOf(pooled.spec) === key) ?? all.find((pooled) => canBecome(pooled.spec, spec));
  }

  private targets(): Map<string, number> {
    const { size, maxContainers, memoryBytes, keepMs, freeMemoryBytes } = this.options;
    const isShort = freemem() < freeMemoryBytes;
    const room = isShort ? 0 : Math.max(0, Math.min(maxContainers, this.around.room()));
    return poolTargets(this.demand.all(), { size, maxContainers: room, memoryBytes, keepMs }, performance.now());
  }

  private fillSoon(): void {
    if (this.isOff || this.timer !== undefined || this.filling || this.isResting) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.fill();
    }, FILL_DELAY_MS);
  }

  /** One after the other, as long as one is missing. */
  private fill(): void {
    if (this.isOff || this.filling || this.isResting || !this.around.mayFill()) return;
    const key = this.missing();
    const spec = key === undefined ? undefined : this.demand.specOf(key);
    if (key === undefined || !spec) return;
    this.filling = this.add(spec)
      .catch((error: unknown) => {
        this.isResting = true;
        if (isEngineAway(error)) return;
        this.demand.forget(key);
        this.logger.warn({ message: 'the pool could not be filled', image: spec.image, error });
      })
      .finally(() => {
        this.filling = undefined;
        if (this.timer === undefined) this.fill();
      });
  }

  private missing(): string | undefined {
    const targets = this.targets();
    for (const pooled of this.idle) {
      const key = classOf(pooled.spec);
      targets.set(key, (targets.get(key) ?? 0) - 1);
    }
    return [...targets].find(([, lacking]) => lacking > 0)?.[0];
  }

  private async add(spec: SandboxSpec): Promise<void> {
    const { id: imageId = '' } = await this.runtime.imageStatus(spec.image);
    const sandbox = await this.runtime.create(spec);
    const now = performance.now();
    const pooled: Pooled = { sandbox, spec, imageId, readyAt: now, renewedAt: Number.NEGATIVE_INFINITY };
    await this.renew(pooled);
    if (this.company) await settledWithin(JOIN_MS, this.company.join(sandbox, spec));
    if (this.closed || sandbox.gone.aborted || pooled.renewedAt < now) return this.discard(pooled);
    this.idle.add(pooled);
    sandbox.gone.addEventListener(
      'abort',
      () => {
        if (this.idle.delete(pooled)) this.fillSoon();
      },
      { once: true },
    );
    this.trim();
  }

  /** Also finds out those that answer no more. */
  private async renew(pooled: Pooled): Promise<void> {
    if (performance.now() - pooled.renewedAt < RENEW_MS) return;
    try {
      const claimed = pooled.sandbox.agent.claim(UNCLAIMED, SELF_DESTRUCT_MS);
      if (!(await settledWithin(ANSWER_MS, claimed))) throw new Error('its agent does not answer');
      pooled.renewedAt = performance.now();
    } catch (error) {
      if (!this.idle.has(pooled)) return;
      this.logger.warn({ message: 'a pooled sandbox is removed', containerId: pooled.sandbox.id, error });
      this.discard(pooled);
    }
  }

  /** An image that was built anew: whoever asks for a sandbox from now on gets it. */
  private async dropOldImages(): Promise<void> {
    const images = new Set([...this.idle].map(({ spec }) => spec.image));
    for (const image of images) {
      const { id } = await this.runtime.imageStatus(image);
      for (const pooled of this.idle) {
        if (pooled.spec.image === image && pooled.imageId !== id) this.discard(pooled);
      }
    }
  }

  private discard(pooled: Pooled): void {
    this.idle.delete(pooled);
    this.counter.discarded++;
    // What cannot be removed now is nobody's, and so the clean-up's.
    const removal = pooled.sandbox.destroy().catch((error: unknown) => this.logger.debug(error));
    this.leaving.set(pooled.sandbox.id, removal);
    void removal.then(() => this.leaving.delete(pooled.sandbox.id));
  }
}

/** @throws when there was no answer in time */
async function answered(asked: Promise<void>): Promise<void> {
  if (!(await settledWithin(ANSWER_MS, asked))) throw new Error('its agent does not answer');
}
