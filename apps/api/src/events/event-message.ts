import type { StatusRecord } from '#libs/sessions';

/** An event as both channels send it. */
export interface EventMessage {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export function eventMessage(record: StatusRecord): EventMessage {
  const { cursor, at } = record;
  if (record.kind === 'gap') return { name: 'status.gap', data: { cursor, at, reason: record.reason } };
  const { event, sessionId, details } = record.event;
  return { name: event, data: { cursor, sessionId, at, ...details } };
}
