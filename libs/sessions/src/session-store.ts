import type { Session, SessionEndReason } from './session.js';

/** Where the sessions of this server are found. A store that several servers share implements the same. */
export abstract class SessionStore {
  abstract add(session: Session): void;
  abstract get(id: string): Session | undefined;
  abstract all(): Iterable<Session>;
  abstract readonly size: number;
  /** Takes a session out and remembers for a time why it ended. */
  abstract end(session: Session, reason: SessionEndReason): void;
  abstract endReasonOf(id: string): SessionEndReason | undefined;
}

/** Ended sessions whose reason is remembered, so that a late caller hears it. */
const MAX_REMEMBERED_ENDS = 10_000;

/** Keeps sessions in memory; the engine's containers and their claims are the truth behind it. */
export class InMemorySessionStore extends SessionStore {
  private readonly sessions = new Map<string, Session>();
  private readonly ended = new Map<string, SessionEndReason>();

  add(session: Session): void {
    this.sessions.set(session.id, session);
  }

  get(id: string): Session | undefined {
    return this.sessions.get(id);
  }

  all(): Iterable<Session> {
    return this.sessions.values();
  }

  get size(): number {
    return this.sessions.size;
  }

  end(session: Session, reason: SessionEndReason): void {
    this.sessions.delete(session.id);
    if (session.identity.hidden) return;
    this.ended.set(session.id, reason);
    const [oldest] = this.ended.keys();
    if (this.ended.size > MAX_REMEMBERED_ENDS && oldest !== undefined) this.ended.delete(oldest);
  }

  endReasonOf(id: string): SessionEndReason | undefined {
    return this.ended.get(id);
  }
}
