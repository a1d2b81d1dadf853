import type { EndReason } from '#libs/runtime';

import type { SessionEndReason } from './session.js';

/** What each event says besides its name, its session and its time. */
export interface StatusDetails {
  'session.created': { readonly language: string };
  /** The server was started again and has taken the session up as it was. */
  'session.adopted': { readonly language: string };
  'session.idle': { readonly lastActivity: string };
  'session.expiring': {
    /** The endReason that it will have if nothing is done. */
    readonly limit: 'idle_timeout' | 'lifetime_exceeded';
    /** ISO 8601. */
    readonly expiresAt: string;
  };
  'session.ended': { readonly endReason: SessionEndReason };
  /** Of process.start alone: what session.execute runs has its reply, and is none of these. */
  'process.started': { readonly processId: string };
  'process.exited': {
    readonly processId: string;
    /** Null where it has ended unheard and how is not known. */
    readonly endReason: EndReason | null;
    readonly exitCode: number | null;
    readonly signal: string | null;
  };
}

export type StatusEventName = keyof StatusDetails;

export type StatusEvent = {
  [Name in StatusEventName]: {
    readonly event: Name;
    readonly sessionId: string;
    readonly details: StatusDetails[Name];
  };
}[StatusEventName];

const NAMES: Record<StatusEventName, true> = {
  'session.created': true,
  'session.adopted': true,
  'session.idle': true,
  'session.expiring': true,
  'session.ended': true,
  'process.started': true,
  'process.exited': true,
};

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys forgets the keys of a literal
export const STATUS_EVENTS = Object.keys(NAMES) as readonly StatusEventName[];

/** Which events a subscriber wants; nothing said means all. */
export interface StatusFilter {
  readonly sessionId?: string;
  readonly events?: readonly StatusEventName[];
}

/** Why events are missing: they were pushed out by newer ones, or happened to a server that has ended since. */
export type GapReason = 'overflow' | 'server_restarted';

/** One thing as a subscriber gets it: an event, or word that events before this place are lost. */
export type StatusRecord = StatusPlace & ({ readonly kind: 'event'; readonly event: StatusEvent } | StatusGap);

interface StatusPlace {
  /** Reading from here goes on right after this record. */
  readonly cursor: string;
  /** ISO 8601. */
  readonly at: string;
}

interface StatusGap {
  readonly kind: 'gap';
  readonly reason: GapReason;
}
