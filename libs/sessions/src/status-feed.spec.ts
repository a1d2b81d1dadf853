import { describe, expect, it } from 'vitest';

import type { StatusEventName, StatusFilter, StatusRecord } from './status-event.js';
import { StatusFeed } from './status-feed.js';
import type { StatusSubscription } from './status-subscription.js';
import type { SessionsOptions } from './options.js';

const NOT_YET_MS = 1;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the feed reads these two alone
const feedOf = (keptEvents = 4) => new StatusFeed({ keptEvents, maxSubscriptions: 2 } as SessionsOptions);

function publish(feed: StatusFeed, ...processIds: (string | number)[]): void {
  for (const id of processIds) {
    feed.publish({ event: 'process.started', sessionId: 'one', details: { processId: String(id) } });
  }
}

/** All that is there now, as the ids of processes and the reasons of gaps. */
async function rest(subscription: StatusSubscription): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const record = await subscription.next(NOT_YET_MS);
    if (!record) return found;
    found.push(named(record));
  }
}

function named(record: StatusRecord): string {
  if (record.kind === 'gap') return record.reason;
  const { event } = record;
  return event.event === 'process.started' ? event.details.processId : event.event;
}

describe('a subscription', () => {
  it('gets what comes after it, in order, and waits for more', async () => {
    const feed = feedOf();
    publish(feed, 'before');
    const subscription = feed.subscribe({});
    const next = subscription.next();
    publish(feed, 1, 2);
    expect(named((await next)!)).toBe('1');
    expect(await rest(subscription)).toEqual(['2']);
  });

  it.each<[StatusFilter, string[]]>([
    [{}, ['session.created', 'a', 'session.idle']],
    [{ sessionId: 'two' }, ['session.idle']],
    [{ events: ['session.created', 'session.idle'] satisfies StatusEventName[] }, ['session.created', 'session.idle']],
    [{ sessionId: 'one', events: ['session.idle'] }, []],
  ])('with %j gets only that', async (filter, wanted) => {
    const feed = feedOf();
    const subscription = feed.subscribe(filter);
    feed.publish({ event: 'session.created', sessionId: 'one', details: { language: 'go' } });
    publish(feed, 'a');
    feed.publish({ event: 'session.idle', sessionId: 'two', details: { lastActivity: '' } });
    expect(await rest(subscription)).toEqual(wanted);
  });

  it('goes on after any cursor with nothing twice and nothing missing', async () => {
    const feed = feedOf();
    const whole = feed.subscribe({});
    const cursors = [whole.cursor];
    publish(feed, 1, 2, 3, 4);
    for (let i = 0; i < 4; i++) cursors.push((await whole.next())!.cursor);
    for (const [seen, cursor] of cursors.entries()) {
      const again = feed.subscribe({}, cursor);
      expect(again.cursor).toBe(cursor);
      expect(await rest(again)).toEqual(['1', '2', '3', '4'].slice(seen));
      again.close();
    }
  });

  it('moves its cursor past what it did not ask for, so that this is no gap later', async () => {
    const feed = feedOf(2);
    const subscription = feed.subscribe({ sessionId: 'two' });
    for (let i = 0; i < 9; i++) {
      publish(feed, i);
      expect(await subscription.next(NOT_YET_MS)).toBeUndefined();
    }
    expect(await rest(feed.subscribe({}, subscription.cursor))).toEqual([]);
  });

  it('that is slower than the ring is told of the gap once, then gets what is kept', async () => {
    const feed = feedOf(4);
    const subscription = feed.subscribe({});
    publish(feed, 1, 2, 3, 4);
    expect(named((await subscription.next())!)).toBe('1');
    publish(feed, 5);
    expect(named((await subscription.next())!)).toBe('2');
    publish(feed, 6, 7, 8, 9);
    expect(await rest(subscription)).toEqual(['overflow', '6', '7', '8', '9']);
  });

  it('is told of a gap in what it did not ask for too: nobody knows what was lost', async () => {
    const feed = feedOf(2);
    const subscription = feed.subscribe({ sessionId: 'two' });
    publish(feed, 1, 2, 3, 4);
    expect(await rest(subscription)).toEqual(['overflow']);
  });

  it('from an earlier server’s cursor is told so, and gets all of this life', async () => {
    const feed = feedOf();
    publish(feed, 1, 2);
    const { cursor } = feedOf().subscribe({});
    const subscription = feed.subscribe({}, cursor);
    const again = feed.subscribe({}, subscription.cursor);
    expect(await rest(subscription)).toEqual(['server_restarted', '1', '2']);
    expect(await rest(again)).toEqual(['1', '2']);
  });

  it('from a cursor of an earlier life that may never have been given is told the same: nobody knows any more', async () => {
    expect(await rest(feedOf().subscribe({}, `${'ab'.repeat(6)}-${'9'.repeat(15)}`))).toEqual(['server_restarted']);
  });

  it('ends a wait when it is closed, and makes room for another', async () => {
    const feed = feedOf();
    const [first] = [feed.subscribe({}), feed.subscribe({})];
    expect(() => feed.subscribe({})).toThrow(expect.objectContaining({ reason: 'quota_exceeded' }));
    const next = first.next();
    first.close();
    expect(await next).toBeUndefined();
    publish(feed, 1);
    expect(await first.next()).toBeUndefined();
    feed.subscribe({});
  });

  it.each(['', 'nonsense', '0123456789ab-', '-1'])('is refused for the cursor %j', (cursor) => {
    expect(() => feedOf().subscribe({}, cursor)).toThrow(expect.objectContaining({ reason: 'invalid_params' }));
  });

  it('is refused for a cursor of the future, which nobody can have been given', () => {
    const feed = feedOf();
    expect(() => feed.subscribe({}, `${feed.epoch}-1`)).toThrow(expect.objectContaining({ reason: 'invalid_params' }));
  });
});
