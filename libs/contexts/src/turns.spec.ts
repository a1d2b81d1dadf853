import { describe, expect, it } from 'vitest';

import { Turns } from './turns.js';

describe('Turns', () => {
  const wanted = (): AbortSignal => new AbortController().signal;

  it('come in order, one at a time', async () => {
    const turns = new Turns();
    const seen: number[] = [];
    const take = async (number: number): Promise<void> => {
      await turns.take(wanted());
      seen.push(number);
      turns.pass();
    };
    await turns.take(wanted());
    const others = [1, 2, 3].map(take);
    expect({ waiting: turns.waiting, seen }).toEqual({ waiting: 3, seen: [] });

    turns.pass();

    await Promise.all(others);
    expect({ waiting: turns.waiting, seen }).toEqual({ waiting: 0, seen: [1, 2, 3] });
  });

  it('are given up by who does not want them any more', async () => {
    const turns = new Turns();
    const leaving = new AbortController();
    await turns.take(wanted());
    const left = turns.take(leaving.signal);
    const next = turns.take(wanted());

    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    turns.pass();

    await next;
    expect(turns.waiting).toBe(0);
  });

  it('are refused to who never wanted one', () => {
    const signal = AbortSignal.abort(new Error('gone'));
    const turns = new Turns();

    expect(() => turns.take(signal)).toThrow('gone');
    expect(turns.take(wanted())).toBeUndefined();
  });
});
