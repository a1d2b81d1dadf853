import { setMaxListeners } from 'node:events';

import type { Language, Sandbox } from '#libs/runtime';

import type { SessionConfig } from './session-config.js';

export type SessionState = 'Active' | 'Idle';

export type SessionEndReason = 'closed' | 'idle_timeout' | 'lifetime_exceeded' | 'container_lost' | 'out_of_memory';

const MS_PER_MINUTE = 60_000;

/** When one of a session's times runs out if nothing happens. */
export interface Deadline {
  readonly limit: 'idle_timeout' | 'lifetime_exceeded';
  /** Milliseconds of the epoch. */
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

/** One piece of work in a session. While any is open the session is Active and never idles out. */
export interface Activity {
  end(): void;
}

/** A sandbox with an owner, a clock and a count. Its times decide when it ends; nothing else does but a client. */
export class Session {
  lastActivity: Date;
  executionCount = 0;
  /** Pieces of work begun or taken up in this server's life. */
  workCount = 0;
  private running = 0;
  private readonly ending = new AbortController();
  private idleWaiters: (() => void)[] = [];

  constructor(
    readonly identity: SessionIdentity,
    readonly sandbox: Sandbox,
    public config: SessionConfig,
    private readonly onChange: (session: Session) => void,
  ) {
    this.lastActivity = identity.createdAt;
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
  begin(now = new Date()): Activity {
    this.executionCount++;
    this.lastActivity = now;
    return this.hold();
  }

  /** As begin, for work that was begun and counted before: by an earlier server. */
  hold(): Activity {
    this.running++;
    this.workCount++;
    return {
      end: () => {
        this.running--;
        this.lastActivity = new Date();
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

  extend(changes: Partial<Pick<SessionConfig, 'idleTimeoutMinutes' | 'maxLifetimeMinutes'>>, now = new Date()): void {
    this.config = { ...this.config, ...changes };
    this.lastActivity = now;
    this.onChange(this);
  }

  idleMinutes(now = new Date()): number {
    return this.running > 0 ? 0 : Math.max(0, now.getTime() - this.lastActivity.getTime()) / MS_PER_MINUTE;
  }

  lifetimeMinutes(now = new Date()): number {
    return Math.max(0, now.getTime() - this.identity.createdAt.getTime()) / MS_PER_MINUTE;
  }

  /** An active session has no idle timeout. */
  deadlines(): Deadline[] {
    const lifeMs = this.config.maxLifetimeMinutes * MS_PER_MINUTE;
    const idleMs = this.config.idleTimeoutMinutes * MS_PER_MINUTE;
    const life = this.identity.createdAt.getTime() + lifeMs;
    const idle = this.lastActivity.getTime() + idleMs;
    return [
      { limit: 'lifetime_exceeded', at: life, wholeMs: lifeMs },
      ...(this.running > 0 ? [] : [{ limit: 'idle_timeout' as const, at: idle, wholeMs: idleMs }]),
    ];
  }

  /** Which of its times has run out, if any. */
  overdue(now = new Date()): 'idle_timeout' | 'lifetime_exceeded' | undefined {
    if (this.lifetimeMinutes(now) >= this.config.maxLifetimeMinutes) return 'lifetime_exceeded';
    if (this.running === 0 && this.idleMinutes(now) >= this.config.idleTimeoutMinutes) return 'idle_timeout';
    return undefined;
  }
}
