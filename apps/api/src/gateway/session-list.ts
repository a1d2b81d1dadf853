import { DomainError, type Session, type SessionView, sessionView } from '#libs/sessions';
import { findLanguage } from '#libs/runtime';

import type { ListSessionsParams } from './params.js';

export interface SessionPage {
  /** How many sessions match, on all pages together. */
  readonly count: number;
  readonly sessions: SessionView[];
  readonly nextCursor: string | null;
}

/** One page of the sessions that match; `sessions` come in the order of their creation. */
export function listSessions(sessions: Session[], params: ListSessionsParams): SessionPage {
  const matching = sessions.filter((session) => matches(session, params));
  const cursor = params.cursor === undefined ? undefined : parseCursor(params.cursor);
  const from = cursor ? matching.findIndex((session) => isBehind(session, cursor)) : 0;
  const page = from < 0 ? [] : matching.slice(from, from + params.limit);
  const last = page.at(-1);
  const isLast = from < 0 || from + page.length >= matching.length;
  return {
    count: matching.length,
    sessions: page.map((session) => sessionView(session)),
    nextCursor: last && !isLast ? place(last) : null,
  };
}

function matches({ identity, state }: Session, params: ListSessionsParams): boolean {
  return (
    (params.language === undefined || findLanguage(params.language)?.name === identity.language.name) &&
    (params.state === undefined || params.state === state) &&
    Object.entries(params.labels ?? {}).every(([name, value]) => identity.labels[name] === value)
  );
}

interface Cursor {
  readonly createdAt: number;
  readonly id: string;
}

/** A session's place in the order: still of use when the session itself is gone. */
function place({ identity }: Session): string {
  return `${identity.createdAt.getTime()}.${identity.id}`;
}

function isBehind(session: Session, cursor: Cursor): boolean {
  const own = session.identity.createdAt.getTime();
  return own > cursor.createdAt || (own === cursor.createdAt && session.id > cursor.id);
}

function parseCursor(text: string): Cursor {
  const [, createdAt, id] = /^(\d{1,16})\.(.+)$/.exec(text) ?? [];
  if (createdAt !== undefined && id !== undefined) return { createdAt: Number(createdAt), id };
  const message = 'cursor must be the nextCursor of an earlier answer';
  throw new DomainError('invalid_params', message, { violations: [{ field: 'cursor', message }] });
}
