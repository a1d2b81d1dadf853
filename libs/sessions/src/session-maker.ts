import {
  RuntimeError,
  type Sandbox,
  type SandboxLostReason,
  type SandboxRuntime,
  type SandboxSpec,
} from '#libs/runtime';

import { isEngineAway } from './adoption.js';
import type { Admission, Applicant } from './admission.js';
import { DomainError } from './domain-error.js';
import type { Session } from './session.js';
import type { WarmPool } from './warm-pool.js';

/** What the maker makes of a sandbox. */
export interface HandOver {
  /** The session that the sandbox is for. */
  sessionOf(sandbox: Sandbox): Session;
  /** Tells the sandbox's agent whose it is from now on. */
  claim(session: Session): Promise<void>;
  /** Makes the session known; the sandbox is no more in the maker's hands then. */
  register(session: Session): void;
}

/** How a session got its sandbox. */
export interface Making {
  readonly source: 'pool' | 'engine';
  /** From the moment in which its turn had come until it was the session's. */
  readonly durationMs: number;
  /** How long it had been ready, where it was made ahead. */
  readonly readyMs?: number;
}

/** Gets a sandbox for a session, out of the pool or newly made, and hands it over. */
export class SessionMaker {
  private readonly held = new Set<string>();

  constructor(
    private readonly runtime: SandboxRuntime,
    private readonly pool: WarmPool,
    private readonly admission: Admission,
    private readonly onMade: (making: Making) => void,
  ) {}

  /** Ids of sandboxes that have left the pool and are no session's yet. */
  get sandboxIds(): Iterable<string> {
    return this.held;
  }

  /**
   * @throws DomainError as `Admission.run` does, and session_ended; nothing is left then
   * @throws RuntimeError as the runtime's `create` does
   */
  async make(spec: SandboxSpec, to: HandOver, applicant: Applicant): Promise<Session> {
    const { signal } = applicant;
    const wasExpected = this.pool.asked(spec);
    if (this.admission.room > 0) {
      const ready = await this.admission.beside(() => this.fromPool(spec, to, signal));
      if (ready) return ready;
    }
    return this.admission.run(applicant, async () => {
      const ready = await this.fromPool(spec, to, signal);
      if (ready) return ready;
      this.pool.missed(spec, wasExpected);
      const startedAt = performance.now();
      const session = await this.handOver(await this.create(spec, signal), to, signal);
      this.onMade({ source: 'engine', durationMs: performance.now() - startedAt });
      return session;
    });
  }

  private async fromPool(
    spec: SandboxSpec,
    to: HandOver,
    signal: AbortSignal | undefined,
  ): Promise<Session | undefined> {
    if (signal?.aborted) throw cancelled();
    for (let pooled = this.pool.reserve(spec); pooled; pooled = this.pool.reserve(spec)) {
      const { sandbox } = pooled;
      const startedAt = performance.now();
      this.held.add(sandbox.id);
      try {
        const session = to.sessionOf(sandbox);
        const isHandedOver = await this.pool.handOver(pooled, spec, () => to.claim(session));
        if (isHandedOver && !signal?.aborted) {
          to.register(session);
          const durationMs = performance.now() - startedAt;
          this.onMade({ source: 'pool', durationMs, readyMs: startedAt - pooled.readyAt });
          return session;
        }
        session.end('closed');
        if (isHandedOver) await sandbox.destroy();
        if (signal?.aborted) throw cancelled();
        // It was there a moment ago; the next one, or a new one, will do.
      } finally {
        this.held.delete(sandbox.id);
      }
    }
    return undefined;
  }

  private async create(spec: SandboxSpec, signal: AbortSignal | undefined): Promise<Sandbox> {
    if (signal?.aborted) throw cancelled();
    try {
      return await this.createWithRoom(spec);
    } catch (error) {
      // Whoever waits behind would find the same, and each only after the whole limit of a call.
      if (isEngineAway(error)) this.admission.refuse(error);
      throw error;
    }
  }

  /** What is only made ahead gives way where the host is full. */
  private async createWithRoom(spec: SandboxSpec): Promise<Sandbox> {
    try {
      return await this.runtime.create(spec);
    } catch (error) {
      if (!isHostFull(error) || this.pool.counts().idle === 0) throw error;
      await this.pool.empty();
      return this.runtime.create(spec);
    }
  }

  private async handOver(sandbox: Sandbox, to: HandOver, signal: AbortSignal | undefined): Promise<Session> {
    const session = to.sessionOf(sandbox);
    try {
      if (signal?.aborted) throw cancelled();
      await to.claim(session);
      if (signal?.aborted) throw cancelled();
    } catch (error) {
      const reason = (await sandbox.ready().catch(() => true)) ? undefined : lostReason(sandbox);
      session.end('closed');
      await sandbox.destroy();
      throw reason === undefined ? error : lostWhileMade(reason);
    }
    to.register(session);
    return session;
  }
}

export function lostReason({ gone }: Sandbox): SandboxLostReason {
  return gone.reason === 'out_of_memory' ? 'out_of_memory' : 'container_lost';
}

function isHostFull(error: unknown): boolean {
  return error instanceof RuntimeError && error.kind === 'host_disk_full';
}

function lostWhileMade(endReason: SandboxLostReason): DomainError {
  return new DomainError('session_ended', 'The container ended while it was being made; nothing is left of it.', {
    endReason,
  });
}

function cancelled(): DomainError {
  return new DomainError('request_cancelled', 'The request was cancelled; nothing was left behind.');
}
