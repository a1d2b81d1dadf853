import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { findLanguage, type Language, type Sandbox } from '#libs/runtime';

import { Session, type SessionAges } from './session.js';
import { SESSION_DEFAULTS, type SessionConfig } from './session-config.js';

const CREATED = new Date('2026-01-01T00:00:00Z');
const MINUTE_MS = 60_000;
const minutes = (n: number): Date => new Date(CREATED.getTime() + n * MINUTE_MS);
/** Lets time go by until so many minutes after CREATED. */
const until = (n: number): void => void vi.advanceTimersByTime(minutes(n).getTime() - Date.now());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: CREATED });
});

afterEach(() => {
  vi.useRealTimers();
});

function session(config: Partial<SessionConfig> = {}, ages?: SessionAges) {
  const onChange = vi.fn();
  const made = new Session(
    {
      id: 's_1',
      language: findLanguage('python') as Language,
      requestedLanguage: 'py',
      env: {},
      labels: {},
      createdAt: CREATED,
      hidden: false,
    },
    {} as Sandbox,
    { ...SESSION_DEFAULTS, ...config },
    onChange,
    ages,
  );
  return { session: made, onChange };
}

describe('a session’s state', () => {
  it('is Idle until a command runs, Active while any does, and Idle again when the last has ended', () => {
    const { session: tested } = session();
    expect(tested.state).toBe('Idle');
    const one = tested.begin();
    const other = tested.begin();
    expect(tested.state).toBe('Active');
    one.end();
    expect(tested.state).toBe('Active');
    other.end();
    expect(tested.state).toBe('Idle');
  });

  it('counts every command, whether it has ended or not', () => {
    const { session: tested } = session();
    expect(tested.executionCount).toBe(0);
    tested.begin().end();
    tested.begin();

    expect(tested.executionCount).toBe(2);
  });

  it('remembers when a command began and when it ended', () => {
    const { session: tested } = session();
    expect(tested.lastActivity).toEqual(CREATED);
    until(5);
    const activity = tested.begin();
    expect(tested.lastActivity).toEqual(minutes(5));
    until(10);
    activity.end();
    expect(tested.lastActivity).toEqual(minutes(10));
  });

  it('is told to whoever keeps it when a command ends', () => {
    const { session: tested, onChange } = session();
    const activity = tested.begin();
    expect(onChange).not.toHaveBeenCalled();
    activity.end();

    expect(onChange.mock.calls).toEqual([[tested]]);
  });
});

describe('a session’s times', () => {
  it('run out when nothing has happened for so long', () => {
    const { session: tested } = session({ idleTimeoutMinutes: 30 });
    until(29.999);
    expect(tested.overdue()).toBeUndefined();
    until(30);
    expect(tested.overdue()).toBe('idle_timeout');
  });

  it('begin anew with every command', () => {
    const { session: tested } = session({ idleTimeoutMinutes: 30 });
    until(20);
    tested.begin().end();
    until(49);
    expect(tested.overdue()).toBeUndefined();
    until(50);
    expect(tested.overdue()).toBe('idle_timeout');
  });

  it('do not run out by idling while a command runs, however long', () => {
    const { session: tested } = session({ idleTimeoutMinutes: 1 });
    tested.begin();
    until(100);

    expect(tested.overdue()).toBeUndefined();
    expect(tested.idleMinutes()).toBe(0);
  });

  it('run out at the end of the lifetime, even while a command runs', () => {
    const { session: tested } = session({ idleTimeoutMinutes: 1, maxLifetimeMinutes: 120 });
    tested.begin();
    until(119.999);
    expect(tested.overdue()).toBeUndefined();
    until(120);
    expect(tested.overdue()).toBe('lifetime_exceeded');
  });

  it('name the lifetime when both have run out', () => {
    const { session: tested } = session({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 60 });
    until(60);

    expect(tested.overdue()).toBe('lifetime_exceeded');
  });

  it.each([-600, 600])('go on as before when the clock is set by %i minutes', (jump) => {
    const { session: tested } = session({ idleTimeoutMinutes: 30 });
    vi.setSystemTime(minutes(jump));
    expect(tested.lifetimeMinutes()).toBe(0);
    expect(tested.overdue()).toBeUndefined();
    vi.advanceTimersByTime(30 * MINUTE_MS);

    expect(tested.idleMinutes()).toBe(30);
    expect(tested.overdue()).toBe('idle_timeout');
  });

  it('go on from the ages that an earlier server told', () => {
    const ages = { lifetimeMs: 50 * MINUTE_MS, idleMs: 20 * MINUTE_MS };
    const { session: tested } = session({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 120 }, ages);
    until(9);
    expect(tested.overdue()).toBeUndefined();
    expect(tested.ages).toEqual({ lifetimeMs: 59 * MINUTE_MS, idleMs: 29 * MINUTE_MS });
    until(10);
    expect(tested.overdue()).toBe('idle_timeout');
  });

  it('can be extended one by one, which counts as activity', () => {
    const { session: tested, onChange } = session({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 60 });
    until(50);
    tested.extend({ maxLifetimeMinutes: 600 });
    expect(tested.config).toMatchObject({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 600 });
    until(79);
    expect(tested.overdue()).toBeUndefined();
    until(80);
    expect(tested.overdue()).toBe('idle_timeout');
    expect(onChange).toHaveBeenCalledTimes(1);

    tested.extend({ idleTimeoutMinutes: 500 });
    expect(tested.config).toMatchObject({ idleTimeoutMinutes: 500, maxLifetimeMinutes: 600 });
  });
});

describe('the end of a session', () => {
  it('is told by its signal, with the first reason', () => {
    const { session: tested } = session();
    expect(tested.endReason).toBeUndefined();
    expect(tested.ended.aborted).toBe(false);
    const heard = vi.fn();
    tested.ended.addEventListener('abort', heard);
    tested.end('idle_timeout');
    tested.end('closed');

    expect(tested.endReason).toBe('idle_timeout');
    expect(tested.ended.reason).toBe('idle_timeout');
    expect(heard).toHaveBeenCalledTimes(1);
  });
});

describe('whenIdle', () => {
  it('resolves at once when nothing runs', async () => {
    await expect(session().session.whenIdle()).resolves.toBeUndefined();
  });

  it('resolves for everybody when the last command has ended, and not before', async () => {
    const { session: tested } = session();
    const activities = [tested.begin(), tested.begin()];
    let resolved = 0;
    const waiting = [tested.whenIdle(), tested.whenIdle()].map((idle) => idle.then(() => resolved++));
    activities[0]?.end();
    await Promise.resolve();
    expect(resolved).toBe(0);

    activities[1]?.end();
    await Promise.all(waiting);
    expect(resolved).toBe(2);
  });
});
