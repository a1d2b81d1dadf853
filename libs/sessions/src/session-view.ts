import type { DiskLimitKind, TmpLimitKind } from '#libs/runtime';

import type { Session, SessionState } from './session.js';
import type { SessionConfig } from './session-config.js';

/** What leaves the server about a session. */
export interface SessionView {
  readonly sessionId: string;
  readonly containerId: string;
  readonly language: string;
  readonly createdAt: string;
  readonly lastActivity: string;
  readonly state: SessionState;
  readonly executionCount: number;
  readonly idleMinutes: number;
  readonly lifetimeMinutes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly config: SessionConfig & { readonly diskLimitKind: DiskLimitKind; readonly tmpLimitKind: TmpLimitKind };
}

export function sessionView(session: Session): SessionView {
  const { identity, sandbox } = session;
  return {
    sessionId: identity.id,
    containerId: sandbox.id,
    language: identity.requestedLanguage,
    createdAt: identity.createdAt.toISOString(),
    lastActivity: session.lastActivity.toISOString(),
    state: session.state,
    executionCount: session.executionCount,
    idleMinutes: rounded(session.idleMinutes()),
    lifetimeMinutes: rounded(session.lifetimeMinutes()),
    labels: identity.labels,
    ...(identity.name === undefined ? {} : { name: identity.name }),
    config: { ...session.config, diskLimitKind: sandbox.diskLimitKind, tmpLimitKind: sandbox.tmpLimitKind },
  };
}

function rounded(minutes: number): number {
  return Math.round(minutes * 1000) / 1000;
}
