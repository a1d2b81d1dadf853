import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import { type Language, type ProcessInfo, type Sandbox, SandboxRuntime, type SandboxSpec } from '#libs/runtime';

import { Adoption } from './adoption.js';
import { Admission, type Applicant, requireWait } from './admission.js';
import { ClaimKeeper } from './claim-keeper.js';
import { DomainError } from './domain-error.js';
import { completeConfig, requireClaimable, requireLanguage, requireWithin, sandboxLimits } from './limits.js';
import { SessionsOptions } from './options.js';
import type { PoolCounts } from './pool-counts.js';
import { Session, type SessionAges, type SessionEndReason } from './session.js';
import type { ReadClaim } from './session-claim.js';
import type { CreateSessionRequest, SessionConfig } from './session-config.js';
import { type HandOver, lostReason, type Making, SessionMaker } from './session-maker.js';
import { SessionStore } from './session-store.js';
import { StatusFeed } from './status-feed.js';
import { StatusWatch } from './status-watch.js';
import { type PoolCompany, WarmPool } from './warm-pool.js';
import { settledWithin } from './within.js';

/** How long a session that ends waits for its killed commands to say so. */
const DRAIN_MS = 3_000;

/** Told of each session that is taken up again, with the processes that are in it. */
export type AdoptionListener = (session: Session, processes: readonly ProcessInfo[]) => void;

/** Told of every session that is made, or could not be though what was asked for was in order. */
export interface CreateListener {
  made(making: Making): void;
  failed(error: unknown): void;
}

/** What there is now of what clients see. */
export interface SessionLoad {
  readonly active: number;
  readonly idle: number;
  /** Creates that wait for their turn. */
  readonly waiting: number;
}

/** Who asks, and how long it waits where it has to. What was made when it is no longer wanted is removed again. */
export interface CreateOptions extends Applicant {
  /** For a sandbox that no client may address; default false. */
  readonly hidden?: boolean;
}

/** The life of sessions: made, found, extended, ended, and taken up again after a restart. */
@Injectable()
export class SessionsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(SessionsService.name);
  private readonly claims = new ClaimKeeper();
  private readonly creating = new Set<Promise<unknown>>();
  private readonly admission: Admission;
  private readonly pool: WarmPool;
  private readonly maker: SessionMaker;
  private readonly status: StatusWatch;
  private readonly adoption: Adoption;
  /** Sandboxes on their way out: no longer a session's, and not orphans either. */
  private readonly leaving = new Set<string>();
  private readonly adoptionListeners: AdoptionListener[] = [];
  private readonly createListeners: CreateListener[] = [];

  constructor(
    private readonly runtime: SandboxRuntime,
    private readonly store: SessionStore,
    private readonly options: SessionsOptions,
    feed: StatusFeed,
  ) {
    this.status = new StatusWatch(feed);
    const bounds = {
      sessions: options.maxSessions,
      concurrent: options.maxConcurrentCreates,
      waiting: options.maxQueuedCreates,
      maxWaitMs: options.maxCreateWaitMs,
    };
    this.admission = new Admission(bounds, () => store.size + this.leaving.size);
    this.pool = new WarmPool(runtime, options.pool, {
      room: () => this.admission.room,
      mayFill: () => this.adoption.isDone && this.admission.isEngineFree,
    });
    this.maker = new SessionMaker(runtime, this.pool, this.admission, (making) => {
      for (const listener of this.createListeners) listener.made(making);
    });
    this.adoption = new Adoption(runtime, options.maxConcurrentCreates, options.orphanAgeMs, {
      known: () => this.knownSandboxes(),
      takeUp: (claim, sandbox, processes) => this.takeUp(claim, sandbox, processes),
    });
  }

  /** To be called before the application starts, for as long as it lives. */
  onAdoption(listener: AdoptionListener): void {
    this.adoptionListeners.push(listener);
  }

  /** To be called before the application starts, for as long as it lives. */
  onCreate(listener: CreateListener): void {
    this.createListeners.push(listener);
  }

  /** To be called before the application starts: has something wait in sandboxes that are made ahead. */
  accompanyPool(company: PoolCompany): void {
    this.pool.accompany(company);
  }

  /** Takes up what an earlier server left. An engine that is away now is asked again as soon as it is back. */
  async onApplicationBootstrap(): Promise<void> {
    this.runtime.onBack(() => {
      if (!this.adoption.isDone) this.adoption.run().catch((error: unknown) => this.logger.warn(error));
    });
    await this.adoption
      .run()
      .catch((error: unknown) =>
        this.logger.warn({ message: 'sessions of an earlier server could not be looked for yet', error }),
      );
    this.adoption.open();
    for (const language of this.options.pool.languages) {
      this.pool.expect(this.specOf(requireLanguage(language), completeConfig({ language }, this.options)));
    }
  }

  /** Of what is made ahead; none of it is a session. */
  get poolCounts(): PoolCounts {
    return this.pool.counts();
  }

  /** Of those that are known: while the engine has not answered yet, an earlier server's are not. */
  get load(): SessionLoad {
    const seen = this.visible();
    const active = seen.filter(({ state }) => state === 'Active').length;
    return { active, idle: seen.length - active, waiting: this.admission.waiting };
  }

  async onApplicationShutdown(): Promise<void> {
    this.admission.refuse(new DomainError('shutting_down', 'The server is going down.'));
    await Promise.allSettled(this.creating);
    await this.pool.close();
    await this.claims.flush();
    this.status.stop();
    await this.runtime.close();
  }

  /**
   * Makes a session; beyond what the server gives at once it waits for its turn.
   * @throws DomainError unsupported_language, quota_exceeded, forbidden, rate_limited, request_cancelled
   * @throws RuntimeError engine_unavailable, image_unavailable, invalid_limits, host_disk_full, sandbox_lost
   */
  async create(request: CreateSessionRequest, options: CreateOptions = {}): Promise<Session> {
    const language = requireLanguage(request.language);
    const config = completeConfig(request, this.options);
    requireClaimable(request);
    requireWait(options, { maxWaitMs: this.options.maxCreateWaitMs });
    const making = this.make(
      {
        id: `s_${randomBytes(12).toString('base64url')}`,
        language,
        requestedLanguage: request.language,
        env: request.env ?? {},
        labels: request.labels ?? {},
        ...(request.name === undefined ? {} : { name: request.name }),
        createdAt: new Date(),
        hidden: options.hidden ?? false,
      },
      config,
      options,
    );
    this.creating.add(making);
    this.pool.adjust();
    try {
      return await making;
    } catch (error) {
      for (const listener of this.createListeners) listener.failed(error);
      throw error;
    } finally {
      this.creating.delete(making);
      this.pool.adjust();
    }
  }

  /**
   * A live session that a client may address.
   * @throws DomainError session_not_found, session_ended
   * @throws RuntimeError engine_unavailable while nobody can tell whether there is such a session
   */
  find(id: string): Session {
    const session = this.store.get(id);
    if (session && !session.identity.hidden && session.endReason === undefined) return session;
    const endReason = session?.endReason ?? this.store.endReasonOf(id);
    if (endReason === undefined || session?.identity.hidden) {
      this.adoption.requireSeen();
      throw new DomainError('session_not_found', 'There is no such session.');
    }
    throw new DomainError('session_ended', `The session has ended: ${endReason}.`, { endReason });
  }

  /**
   * Every session that clients may see, the oldest first.
   * @throws RuntimeError engine_unavailable while there may be others, which an earlier server left
   */
  all(): Session[] {
    this.adoption.requireSeen();
    return this.visible().sort(
      (a, b) => a.identity.createdAt.getTime() - b.identity.createdAt.getTime() || (a.id < b.id ? -1 : 1),
    );
  }

  private visible(): Session[] {
    return [...this.store.all()].filter(({ identity, endReason }) => !identity.hidden && endReason === undefined);
  }

  extend(id: string, changes: Partial<Pick<SessionConfig, 'idleTimeoutMinutes' | 'maxLifetimeMinutes'>>): Session {
    const session = this.find(id);
    if (changes.maxLifetimeMinutes !== undefined) {
      requireWithin('maxLifetimeMinutes', changes.maxLifetimeMinutes, this.options.maxLifetimeMinutes);
    }
    session.extend(changes);
    return session;
  }

  /** Ends a session that a client names; resolves when its container and its volume are gone. */
  async close(id: string): Promise<void> {
    await this.end(this.find(id), 'closed');
  }

  /** Ends a session: its commands are killed and answer so, then its sandbox is removed. */
  async end(session: Session, reason: SessionEndReason): Promise<void> {
    if (session.endReason !== undefined) return;
    session.end(reason);
    this.status.ending(session);
    this.store.end(session, reason);
    this.logger.log({ message: 'session ended', sessionId: session.id, endReason: reason });
    this.leaving.add(session.sandbox.id);
    try {
      await settledWithin(DRAIN_MS, session.whenIdle());
      await session.sandbox.destroy();
    } finally {
      this.leaving.delete(session.sandbox.id);
      this.admission.letIn();
      // Last, so that it is told behind the ends of what ran in it.
      this.status.ended(session, reason);
    }
  }

  /** Ends what is overdue and removes what belongs to no session; one failure stops nothing else. */
  async cleanUp(now = new Date()): Promise<void> {
    const overdue = [...this.store.all()].flatMap((session) => {
      const reason = session.overdue();
      return reason === undefined ? [] : [this.end(session, reason)];
    });
    const work = [...overdue, this.claims.flush(), this.pool.look(), this.tidy(now)];
    for (const outcome of await Promise.allSettled(work)) {
      if (outcome.status === 'rejected') this.logger.warn({ message: 'a clean-up failed', error: outcome.reason });
    }
  }

  private make(identity: Session['identity'], config: SessionConfig, applicant: Applicant): Promise<Session> {
    const to: HandOver = {
      sessionOf: (sandbox) => this.sessionOf(identity, sandbox, config),
      claim: (session) => this.claims.claim(session),
      register: (session) => this.register(session, 'session.created'),
    };
    return this.maker.make(this.specOf(identity.language, config), to, applicant);
  }

  private specOf(language: Language, config: SessionConfig): SandboxSpec {
    const image = config.dockerImage ?? `${language.image}:${this.options.imageTag}`;
    return { image, limits: sandboxLimits(config), labels: { language: language.name } };
  }

  private sessionOf(
    identity: Session['identity'],
    sandbox: Sandbox,
    config: SessionConfig,
    ages?: SessionAges,
  ): Session {
    const onChange = (changed: Session): void => {
      this.claims.note(changed);
      this.status.changed(changed);
    };
    return new Session(identity, sandbox, config, onChange, ages);
  }

  private register(session: Session, event: 'session.created' | 'session.adopted'): void {
    this.store.add(session);
    this.status.begin(session, event);
    const { gone } = session.sandbox;
    const onGone = (): void => void this.lose(session).catch((error: unknown) => this.logger.error(error));
    if (gone.aborted) onGone();
    else gone.addEventListener('abort', onGone, { once: true });
  }

  private async lose(session: Session): Promise<void> {
    if (session.endReason !== undefined) return;
    const reason = lostReason(session.sandbox);
    session.end(reason);
    this.status.ending(session);
    this.store.end(session, reason);
    this.admission.letIn();
    this.logger.warn({ message: 'session lost', sessionId: session.id, endReason: reason });
    await settledWithin(DRAIN_MS, session.whenIdle());
    this.status.ended(session, reason);
  }

  private takeUp(claim: ReadClaim, sandbox: Sandbox, processes: readonly ProcessInfo[]): void {
    const session = this.sessionOf(claim.identity, sandbox, claim.config, claim.ages);
    session.lastActivity = claim.lastActivity;
    session.executionCount = claim.executionCount;
    this.register(session, 'session.adopted');
    for (const tell of this.adoptionListeners) tell(session, processes);
    this.logger.log({ message: 'session adopted', sessionId: session.id });
  }

  private async tidy(now: Date): Promise<void> {
    if (!this.adoption.isDone) return this.adoption.run();
    if (this.creating.size === 0 && !this.pool.isFilling) await this.adoption.removeOrphans(now);
  }

  private knownSandboxes(): Set<string> {
    const sessions = [...this.store.all()].map((session) => session.sandbox.id);
    return new Set([...this.leaving, ...sessions, ...this.pool.sandboxIds, ...this.maker.sandboxIds]);
  }
}
