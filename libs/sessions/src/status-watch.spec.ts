import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { requireLanguage } from './limits.js';
import type { SessionsOptions } from './options.js';
import { Session, type SessionIdentity } from './session.js';
import { SESSION_DEFAULTS, type SessionConfig } from './session-config.js';
import type { StatusEvent } from './status-event.js';
import { StatusFeed } from './status-feed.js';
import { StatusWatch } from './status-watch.js';

const MINUTE_MS = 60_000;

let published: StatusEvent[];
let watch: StatusWatch;

function sessionOf(config: Partial<SessionConfig> = {}, identity: Partial<SessionIdentity> = {}): Session {
  return new Session(
    {
      id: 's_1',
      language: requireLanguage('python'),
      requestedLanguage: 'py',
      env: {},
      labels: {},
      createdAt: new Date(),
      hidden: false,
      ...identity,
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no status depends on a sandbox
    {} as Session['sandbox'],
    { ...SESSION_DEFAULTS, ...config },
    (changed) => watch.changed(changed),
  );
}

/** The events of this name, as the times since the beginning in minutes and what they say. */
const times = (name: string): unknown[] =>
  published.filter(({ event }) => event === name).map(({ details }) => details);

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  published = [];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nobody subscribes
  const feed = new StatusFeed({ keptEvents: 10, maxSubscriptions: 1 } as SessionsOptions);
  vi.spyOn(feed, 'publish').mockImplementation((event) => void published.push(event));
  watch = new StatusWatch(feed);
});

afterEach(() => {
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe('session.idle', () => {
  it('comes once, a second after the last of many commands, and never during one', () => {
    const session = sessionOf();
    watch.begin(session, 'session.created');
    for (let i = 0; i < 50; i++) {
      const activity = session.begin();
      vi.advanceTimersByTime(10);
      activity.end();
      vi.advanceTimersByTime(900);
    }
    expect(times('session.idle')).toEqual([]);
    const long = session.begin();
    vi.advanceTimersByTime(10_000);
    expect(times('session.idle')).toEqual([]);
    long.end();
    vi.advanceTimersByTime(10_000);
    expect(times('session.idle')).toEqual([{ lastActivity: session.lastActivity.toISOString() }]);
  });

  it('is no news when only the limits have changed', () => {
    const session = sessionOf();
    watch.begin(session, 'session.created');
    session.extend({ idleTimeoutMinutes: 40 });
    vi.advanceTimersByTime(5_000);
    expect(times('session.idle')).toEqual([]);
  });
});

describe('session.expiring', () => {
  const expiring = (limit: string, minutes: number) => ({
    limit,
    expiresAt: new Date(minutes * MINUTE_MS).toISOString(),
  });

  it('comes five minutes before each limit, once', () => {
    watch.begin(sessionOf({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 60 }), 'session.created');
    vi.advanceTimersByTime(25 * MINUTE_MS - 1);
    expect(times('session.expiring')).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(times('session.expiring')).toEqual([expiring('idle_timeout', 30)]);
    vi.advanceTimersByTime(29 * MINUTE_MS);
    expect(times('session.expiring')).toHaveLength(1);
    vi.advanceTimersByTime(5 * MINUTE_MS);
    expect(times('session.expiring')).toEqual([expiring('idle_timeout', 30), expiring('lifetime_exceeded', 60)]);
  });

  it('comes anew when activity or an extension has moved the limit', () => {
    const session = sessionOf({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 1000 });
    watch.begin(session, 'session.created');
    vi.advanceTimersByTime(26 * MINUTE_MS);
    const activity = session.begin();
    vi.advanceTimersByTime(100 * MINUTE_MS);
    expect(times('session.expiring')).toHaveLength(1);
    activity.end();
    vi.advanceTimersByTime(25 * MINUTE_MS);
    expect(times('session.expiring').at(-1)).toEqual(expiring('idle_timeout', 156));
    session.extend({ idleTimeoutMinutes: 60 });
    vi.advanceTimersByTime(56 * MINUTE_MS);
    expect(times('session.expiring')).toHaveLength(3);
  });

  it('comes at half of a limit that is shorter than ten minutes', () => {
    watch.begin(sessionOf({ idleTimeoutMinutes: 4 }), 'session.created');
    vi.advanceTimersByTime(2 * MINUTE_MS - 1);
    expect(times('session.expiring')).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(times('session.expiring')).toEqual([expiring('idle_timeout', 4)]);
  });

  it('is not said of the idle time of a session that is taken up while something runs in it', () => {
    const session = sessionOf({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 1000 });
    vi.advanceTimersByTime(28 * MINUTE_MS);
    watch.begin(session, 'session.adopted');
    const activity = session.hold();
    vi.advanceTimersByTime(60 * MINUTE_MS);
    expect(published.map(({ event }) => event)).toEqual(['session.adopted']);
    activity.end();
    vi.advanceTimersByTime(MINUTE_MS);
    expect(published.map(({ event }) => event)).toEqual(['session.adopted', 'session.idle']);
    vi.advanceTimersByTime(24 * MINUTE_MS);
    expect(times('session.expiring')).toEqual([expiring('idle_timeout', 118)]);
  });

  it('waits longer than Node’s timers can', () => {
    const days = 40 * 24 * 60;
    watch.begin(sessionOf({ idleTimeoutMinutes: days, maxLifetimeMinutes: days * 2 }), 'session.created');
    vi.advanceTimersByTime((days - 6) * MINUTE_MS);
    expect(times('session.expiring')).toEqual([]);
    vi.advanceTimersByTime(MINUTE_MS);
    expect(times('session.expiring')).toEqual([expiring('idle_timeout', days)]);
  });
});

it('says nothing of a session after its end', () => {
  const session = sessionOf({ idleTimeoutMinutes: 1 });
  watch.begin(session, 'session.created');
  session.begin().end();
  watch.ended(session, 'closed');
  vi.advanceTimersByTime(10 * MINUTE_MS);
  expect(published.map(({ event }) => event)).toEqual(['session.created', 'session.ended']);
});

it('says nothing of a hidden session', () => {
  const session = sessionOf({}, { hidden: true });
  watch.begin(session, 'session.created');
  session.begin().end();
  vi.advanceTimersByTime(500 * MINUTE_MS);
  watch.ended(session, 'closed');
  expect(published).toEqual([]);
});
