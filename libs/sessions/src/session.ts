import { setMaxListeners } from 'node:events';

import type { Language, Sandbox } from '#libs/runtime';

import type { SessionConfig } from './session-config.js';

export type SessionState = 'Active' | 'Idle';

export type SessionEndReason = 'closed' | 'idle_timeout' | 'lifetime_exceeded' | 'container_lost' | 'out_of_memory';

const MS_PER_MINUTE = 60_000;

/** When one of a session's times runs out if nothing happens. */
export interface Deadline {
  readonly limit: 'idle_timeout' | 'lifetime_exceeded';
  /** By `performance.now()`, which nobody sets. */
  readonly at: number;
  /** The limit itself. */
  readonly wholeMs: number;
}

export interface SessionIdentity {
  readonly id: string;
  readonly language: Language;
  /** The name or alias that the client asked with, which is the one it is told. */
  readonly requestedLanguage: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly createdAt: Date;
  /** True for the sandbox of one execution.run, which no client can address. */
  readonly hidden: boolean;
}

/** How long a session has lasted, and how long nothing has happened in it. */
export interface SessionAges {
  readonly lifetimeMs: number;
  readonly idleMs: number;
}

/** One piece of work in a session. While any is open the session is Active and never idles out. */
export interface Activity {
  end(): void;
}

/**
 * A sandbox with an owner, a clock and a count. Its times decide when it ends; nothing else does but a client. They are
 * measured by a clock that nobody sets: the time of day, which jumps, is only told.
 */
export class Session {
  lastActivity: Date;
  executionCount = 0;
  /** Pieces of work begun or taken up in this server's life. */
  workCount = 0;
  private readonly bornAtMs: number;
  private activeAtMs: number;
  private running = 0;
  private readonly ending = new AbortController();
  private idleWaiters: (() => void)[] = [];

  constructor(
    readonly identity: SessionIdentity,
    readonly sandbox: Sandbox,
    public config: SessionConfig,
    private readonly onChange: (session: Session) => void,
    ages: SessionAges = { lifetimeMs: 0, idleMs: 0 },
  ) {
    this.lastActivity = identity.createdAt;
    this.bornAtMs = performance.now() - ages.lifetimeMs;
    this.activeAtMs = performance.now() - ages.idleMs;
    // Every running command listens; there may be hundreds.
    setMaxListeners(0, this.ending.signal);
  }

  get id(): string {
    return this.identity.id;
  }

  /** Aborted when the session is over, before anything is taken apart: running commands end, and none begins. */
  get ended(): AbortSignal {
    return this.ending.signal;
  }

  get endReason(): SessionEndReason | undefined {
    return this.ending.signal.aborted ? (this.ending.signal.reason as SessionEndReason) : undefined;
  }

  get state(): SessionState {
    return this.running > 0 ? 'Active' : 'Idle';
  }

  /** Marks the beginning of one command; its `end` may be called once. */
  begin(): Activity {
    this.executionCount++;
    this.touch();
    return this.hold();
  }

  /** As begin, for work that was begun and counted before: by an earlier server. */
  hold(): Activity {
    this.running++;
    this.workCount++;
    return {
      end: () => {
        this.running--;
        this.touch();
        if (this.running === 0) for (const wake of this.idleWaiters.splice(0)) wake();
        this.onChange(this);
      },
    };
  }

  /** The first reason counts. */
  end(reason: SessionEndReason): void {
    if (!this.ending.signal.aborted) this.ending.abort(reason);
  }

  /** Resolves when no command runs. */
  whenIdle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.idleWaiters.push(resolve));
  }

  extend(changes: Partial<Pick<SessionConfig, 'idleTimeoutMinutes' | 'maxLifetimeMinutes'>>): void {
    this.config = { ...this.config, ...changes };
    this.touch();
    this.onChange(this);
  }

  get ages(): SessionAges {
    const now = performance.now();
    return { lifetimeMs: now - this.bornAtMs, idleMs: this.running > 0 ? 0 : now - this.activeAtMs };
  }

  idleMinutes(): number {
    return this.ages.idleMs / MS_PER_MINUTE;
  }

  lifetimeMinutes(): number {
    return this.ages.lifetimeMs / MS_PER_MINUTE;
  }

  /** An active session has no idle timeout. */
  deadlines(): Deadline[] {
    const lifeMs = this.config.maxLifetimeMinutes * MS_PER_MINUTE;
    const idleMs = this.config.idleTimeoutMinutes * MS_PER_MINUTE;
    return [
      { limit: 'lifetime_exceeded', at: this.bornAtMs + lifeMs, wholeMs: lifeMs },
      ...(this.running > 0 ? [] : [{ limit: 'idle_timeout' as const, at: this.activeAtMs + idleMs, wholeMs: idleMs }]),
    ];
  }

  /** Which of its times has run out, if any. */
  overdue(): 'idle_timeout' | 'lifetime_exceeded' | undefined {
    if (this.lifetimeMinutes() >= this.config.maxLifetimeMinutes) return 'lifetime_exceeded';
    if (this.running === 0 && this.idleMinutes() >= this.config.idleTimeoutMinutes) return 'idle_timeout';
    return undefined;
  }

  private touch(): void {
    this.lastActivity = new Date();
    this.activeAtMs = performance.now();
  }
}
