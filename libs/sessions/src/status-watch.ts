import type { Deadline, Session, SessionEndReason } from './session.js';
import type { StatusFeed } from './status-feed.js';

/** A busy session has a moment without a command between any two of them: only a longer one is told. */
const IDLE_AFTER_MS = 1_000;
const EXPIRING_BEFORE_MS = 300_000;
/** A longer timer of Node's fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Watched {
  idleTimer?: NodeJS.Timeout;
  expiryTimer?: NodeJS.Timeout;
  /** The session's workCount when it was last told to be idle: without work since, it is not so anew. */
  toldCount: number;
  /** When each limit would have struck, of which the warning was given. */
  readonly warned: Map<Deadline['limit'], number>;
}

/** Sees what happens to sessions and publishes it. Hidden sessions are none of anybody's business. */
export class StatusWatch {
  private readonly watched = new Map<Session, Watched>();

  constructor(private readonly feed: StatusFeed) {}

  begin(session: Session, event: 'session.created' | 'session.adopted'): void {
    if (session.identity.hidden) return;
    const watched: Watched = { toldCount: session.workCount, warned: new Map() };
    this.watched.set(session, watched);
    this.feed.publish({ event, sessionId: session.id, details: { language: session.identity.requestedLanguage } });
    // What runs in a session that is taken up is known at the end of this turn, and keeps it from idling out.
    watched.expiryTimer = setTimeout(() => this.warn(session), 0);
  }

  /** To be told whenever a session has become idle or its limits have moved. */
  changed(session: Session): void {
    const watched = this.watched.get(session);
    if (!watched) return;
    clearTimeout(watched.idleTimer);
    if (session.workCount !== watched.toldCount) {
      watched.idleTimer = setTimeout(() => this.tellIdle(session, watched), IDLE_AFTER_MS);
    }
    this.warn(session);
  }

  /** Nothing but its end is to be told any more. */
  ending(session: Session): void {
    const watched = this.watched.get(session);
    clearTimeout(watched?.idleTimer);
    clearTimeout(watched?.expiryTimer);
    this.watched.delete(session);
  }

  ended(session: Session, endReason: SessionEndReason): void {
    this.ending(session);
    if (session.identity.hidden) return;
    this.feed.publish({ event: 'session.ended', sessionId: session.id, details: { endReason } });
  }

  stop(): void {
    for (const session of this.watched.keys()) this.ending(session);
  }

  private tellIdle(session: Session, watched: Watched): void {
    if (session.state !== 'Idle') return;
    watched.toldCount = session.workCount;
    const lastActivity = session.lastActivity.toISOString();
    this.feed.publish({ event: 'session.idle', sessionId: session.id, details: { lastActivity } });
  }

  /** Warns of what is near and sets the clock for what is not. */
  private warn(session: Session): void {
    const watched = this.watched.get(session);
    if (!watched) return;
    clearTimeout(watched.expiryTimer);
    const now = performance.now();
    let wait = MAX_TIMER_MS;
    for (const { limit, at, wholeMs } of session.deadlines()) {
      const warnAt = at - Math.min(EXPIRING_BEFORE_MS, wholeMs / 2);
      if (at <= now || watched.warned.get(limit) === at) continue;
      if (warnAt > now) {
        wait = Math.min(wait, Math.ceil(warnAt - now));
        continue;
      }
      watched.warned.set(limit, at);
      const details = { limit, expiresAt: new Date(Date.now() + at - now).toISOString() };
      this.feed.publish({ event: 'session.expiring', sessionId: session.id, details });
    }
    watched.expiryTimer = setTimeout(() => this.warn(session), wait);
  }
}
