import { describe, expect, it } from 'vitest';

import type { Session } from './session.js';
import { InMemorySessionStore } from './session-store.js';

const session = (id: string, hidden = false) => ({ id, identity: { id, hidden } }) as Session;

describe('InMemorySessionStore', () => {
  it('finds what was added, and counts it', () => {
    const store = new InMemorySessionStore();
    const one = session('s_1');
    store.add(one);
    store.add(session('s_2'));

    expect(store.get('s_1')).toBe(one);
    expect(store.get('s_3')).toBeUndefined();
    expect([...store.all()].map(({ id }) => id)).toEqual(['s_1', 's_2']);
    expect(store.size).toBe(2);
  });

  it('forgets a session that ended, but not why', () => {
    const store = new InMemorySessionStore();
    const one = session('s_1');
    store.add(one);
    store.end(one, 'idle_timeout');

    expect(store.get('s_1')).toBeUndefined();
    expect(store.size).toBe(0);
    expect(store.endReasonOf('s_1')).toBe('idle_timeout');
    expect(store.endReasonOf('s_2')).toBeUndefined();
  });

  it('remembers nothing of hidden sessions', () => {
    const store = new InMemorySessionStore();
    const hidden = session('s_1', true);
    store.add(hidden);
    store.end(hidden, 'closed');

    expect(store.size).toBe(0);
    expect(store.endReasonOf('s_1')).toBeUndefined();
  });

  it('remembers the last ten thousand ends and no more', () => {
    const store = new InMemorySessionStore();
    for (let n = 0; n <= 10_000; n++) store.end(session(`s_${n}`), 'closed');

    expect(store.endReasonOf('s_0')).toBeUndefined();
    expect(store.endReasonOf('s_1')).toBe('closed');
    expect(store.endReasonOf('s_10000')).toBe('closed');
  });
});
