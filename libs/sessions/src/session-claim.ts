import { findLanguage } from '#libs/runtime';

import type { Session, SessionAges, SessionIdentity } from './session.js';
import type { SessionConfig } from './session-config.js';

const VERSION = 2;

/** What a sandbox's agent is told about its session: enough to rebuild it after the server is gone. */
interface Claim {
  readonly version: number;
  readonly sessionId: string;
  readonly language: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly name?: string;
  readonly createdAt: string;
  readonly config: SessionConfig;
  readonly lastActivity: string;
  /** When the claim was written; who reads it adds the time since. */
  readonly ages: SessionAges;
  readonly executionCount: number;
  readonly hidden: boolean;
}

export interface ReadClaim {
  readonly identity: SessionIdentity;
  readonly config: SessionConfig;
  readonly lastActivity: Date;
  readonly ages: SessionAges;
  readonly executionCount: number;
}

export function writeClaim(session: Session): Buffer {
  const { identity } = session;
  const claim: Claim = {
    version: VERSION,
    sessionId: identity.id,
    language: identity.requestedLanguage,
    env: identity.env,
    labels: identity.labels,
    ...(identity.name === undefined ? {} : { name: identity.name }),
    createdAt: identity.createdAt.toISOString(),
    config: session.config,
    lastActivity: session.lastActivity.toISOString(),
    ages: session.ages,
    executionCount: session.executionCount,
    hidden: identity.hidden,
  };
  return Buffer.from(JSON.stringify(claim));
}

/**
 * Undefined when nobody claimed the sandbox, or in words that this version does not know.
 * @param ageMs how long ago the agent was told
 */
export function readClaim(bytes: Buffer, ageMs = 0): ReadClaim | undefined {
  if (bytes.length === 0) return undefined;
  const claim = JSON.parse(bytes.toString()) as Claim;
  const language = findLanguage(claim.language);
  if (claim.version !== VERSION || !language) return undefined;
  return {
    identity: {
      id: claim.sessionId,
      language,
      requestedLanguage: claim.language,
      env: claim.env,
      labels: claim.labels,
      ...(claim.name === undefined ? {} : { name: claim.name }),
      createdAt: new Date(claim.createdAt),
      hidden: claim.hidden,
    },
    config: claim.config,
    lastActivity: new Date(claim.lastActivity),
    ages: { lifetimeMs: claim.ages.lifetimeMs + ageMs, idleMs: claim.ages.idleMs + ageMs },
    executionCount: claim.executionCount,
  };
}
