import type { Session } from '#libs/sessions';

import type { BackgroundProcess } from './background-process.js';

/** As many ended ones as the agent keeps: PROTOCOL.md. */
const MAX_ENDED = 64;

/** Finds processes by their ids. A session takes its processes along when it ends; the oldest ended ones leave first. */
export class ProcessIndex {
  private readonly byId = new Map<string, BackgroundProcess>();
  private readonly bySession = new Map<Session, Set<BackgroundProcess>>();

  get(processId: string): BackgroundProcess | undefined {
    return this.byId.get(processId);
  }

  add(process: BackgroundProcess): void {
    const own = this.of(process.session);
    const ended = [...own].filter(({ end }) => end !== undefined);
    for (const surplus of ended.slice(0, Math.max(0, ended.length - MAX_ENDED + 1))) this.remove(surplus);
    own.add(process);
    this.byId.set(process.id, process);
  }

  remove(process: BackgroundProcess): void {
    process.dispose();
    this.byId.delete(process.id);
    this.bySession.get(process.session)?.delete(process);
  }

  runningIn(session: Session): number {
    return [...(this.bySession.get(session) ?? [])].filter(({ end }) => end === undefined).length;
  }

  private of(session: Session): Set<BackgroundProcess> {
    const known = this.bySession.get(session);
    if (known) return known;
    const own = new Set<BackgroundProcess>();
    this.bySession.set(session, own);
    const leave = (): void => this.forget(session, own);
    if (session.ended.aborted) leave();
    else session.ended.addEventListener('abort', leave, { once: true });
    return own;
  }

  private forget(session: Session, own: ReadonlySet<BackgroundProcess>): void {
    this.bySession.delete(session);
    for (const process of own) {
      process.dispose();
      this.byId.delete(process.id);
    }
  }
}
