import { describe, expect, it } from 'vitest';

import { findLanguage, type Language, type Sandbox } from '#libs/runtime';
import { Session, SESSION_DEFAULTS, type SessionView } from '#libs/sessions';

import { ListSessionsParams } from './params.js';
import { listSessions, type SessionPage } from './session-list.js';

const START = Date.parse('2026-01-02T03:00:00Z');

function session(id: string, atMs = 0, requestedLanguage = 'python', labels: Record<string, string> = {}): Session {
  return new Session(
    {
      id,
      language: findLanguage(requestedLanguage) as Language,
      requestedLanguage,
      env: { SECRET: 'not for lists' },
      labels,
      createdAt: new Date(START + atMs),
      hidden: false,
    },
    { id: `container-${id}`, diskLimitKind: 'tmpfs', tmpLimitKind: 'tmpfs' } as Sandbox,
    SESSION_DEFAULTS,
    () => undefined,
  );
}

const list = (sessions: Session[], params: Partial<ListSessionsParams> = {}): SessionPage =>
  listSessions(sessions, Object.assign(new ListSessionsParams(), params));
const ids = ({ sessions }: SessionPage): string[] => sessions.map(({ sessionId }) => sessionId);

/** Every page, one after the other. */
function pages(sessions: Session[], limit: number): string[][] {
  const all: string[][] = [];
  let cursor: string | null = null;
  do {
    const page: SessionPage = list(sessions, { limit, ...(cursor === null ? {} : { cursor }) });
    all.push(ids(page));
    cursor = page.nextCursor;
  } while (cursor !== null && all.length < 100);
  return all;
}

describe('a list of sessions', () => {
  it('shows each as API.md has it, and nothing of its environment', () => {
    const one = session('s_1', 0, 'py', { team: 'x' });
    const [view] = list([one]).sessions as [SessionView];

    expect(view).toMatchObject({
      sessionId: 's_1',
      containerId: 'container-s_1',
      language: 'py',
      createdAt: '2026-01-02T03:00:00.000Z',
      lastActivity: '2026-01-02T03:00:00.000Z',
      state: 'Idle',
      executionCount: 0,
      labels: { team: 'x' },
      config: { ...SESSION_DEFAULTS, diskLimitKind: 'tmpfs', tmpLimitKind: 'tmpfs' },
    });
    expect(view.idleMinutes).toBeGreaterThanOrEqual(0);
    expect(view.lifetimeMinutes).toBeGreaterThanOrEqual(0);
    expect(JSON.stringify(view)).not.toContain('SECRET');
  });

  it('is empty where there is none', () => {
    expect(list([])).toEqual({ count: 0, sessions: [], nextCursor: null });
  });

  it('finds a language under each of its names', () => {
    const sessions = [session('s_1', 0, 'python'), session('s_2', 1, 'py'), session('s_3', 2, 'go')];

    expect(ids(list(sessions, { language: 'python3' }))).toEqual(['s_1', 's_2']);
    expect(list(sessions, { language: 'cobol' }).count).toBe(0);
  });

  it('finds those in which a command runs, or none', () => {
    const [busy, idle] = [session('s_1'), session('s_2', 1)];
    busy.begin();

    expect(ids(list([busy, idle], { state: 'Active' }))).toEqual(['s_1']);
    expect(ids(list([busy, idle], { state: 'Idle' }))).toEqual(['s_2']);
  });

  it('finds those that have all of the labels', () => {
    const sessions = [
      session('s_1', 0, 'python', { a: '1', b: '2' }),
      session('s_2', 1, 'python', { a: '1' }),
      session('s_3', 2, 'python', { a: '2', b: '2' }),
    ];

    expect(ids(list(sessions, { labels: { a: '1' } }))).toEqual(['s_1', 's_2']);
    expect(ids(list(sessions, { labels: { a: '1', b: '2' } }))).toEqual(['s_1']);
    expect(ids(list(sessions, { labels: {} }))).toHaveLength(3);
    expect(ids(list(sessions, { labels: { toString: 'x' } }))).toEqual([]);
  });
});

describe('paging', () => {
  const sessions = ['s_a', 's_b', 's_c', 's_d', 's_e'].map((id, index) => session(id, index));

  it.each([
    [1, [['s_a'], ['s_b'], ['s_c'], ['s_d'], ['s_e']]],
    [2, [['s_a', 's_b'], ['s_c', 's_d'], ['s_e']]],
    [5, [['s_a', 's_b', 's_c', 's_d', 's_e']]],
    [100, [['s_a', 's_b', 's_c', 's_d', 's_e']]],
  ])('by %i gives every session once', (limit, expected) => {
    expect(pages(sessions, limit)).toEqual(expected);
  });

  it('gives every session once that was made in the same millisecond', () => {
    const twins = ['s_1', 's_2', 's_3'].map((id) => session(id));

    expect(pages(twins, 1)).toEqual([['s_1'], ['s_2'], ['s_3']]);
  });

  it('follows the time of creation, whatever the ids are', () => {
    const backwards = ['s_z', 's_m', 's_a'].map((id, index) => session(id, index));

    expect(pages(backwards, 1)).toEqual([['s_z'], ['s_m'], ['s_a']]);
  });

  it('counts what matches on all pages', () => {
    expect(list(sessions, { limit: 2 }).count).toBe(5);
  });

  it('goes on where it was when sessions have gone meanwhile, the last of the page among them', () => {
    const { nextCursor } = list(sessions, { limit: 2 });

    expect(ids(list(sessions.slice(2), { limit: 2, cursor: nextCursor ?? '' }))).toEqual(['s_c', 's_d']);
    expect(ids(list(sessions.slice(3), { limit: 2, cursor: nextCursor ?? '' }))).toEqual(['s_d', 's_e']);
    expect(list([], { cursor: nextCursor ?? '' })).toEqual({ count: 0, sessions: [], nextCursor: null });
  });

  it('does not show again what was shown, whatever has been made meanwhile', () => {
    const { nextCursor } = list(sessions.slice(0, 3), { limit: 2 });

    expect(ids(list(sessions, { cursor: nextCursor ?? '' }))).toEqual(['s_c', 's_d', 's_e']);
  });

  it('goes on though a session has changed and matches no longer', () => {
    const page = list(sessions, { limit: 2, state: 'Idle' });
    const activity = sessions[1]?.begin();

    expect(ids(list(sessions, { state: 'Idle', cursor: page.nextCursor ?? '' }))).toEqual(['s_c', 's_d', 's_e']);
    activity?.end();
  });

  // An empty page says that there is nothing more.
  it.each(['nonsense', '', '.', 'NaN.s_1'])('refuses a cursor that it never gave: %j', (cursor) => {
    expect(() => list(sessions, { cursor })).toThrow();
  });
});
