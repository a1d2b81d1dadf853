import { describe, expect, it } from 'vitest';

import { FairQueue } from './fair-queue.js';

function queueOf(...items: string[]): FairQueue<string> {
  const queue = new FairQueue<string>();
  // `a1` is the first item of the caller `a`.
  for (const item of items) queue.add(item.slice(0, 1), item);
  return queue;
}

function drain(queue: FairQueue<string>): string[] {
  const all: string[] = [];
  for (let item = queue.next(); item !== undefined; item = queue.next()) all.push(item);
  return all;
}

describe('FairQueue', () => {
  it('lets one caller’s come in their order', () => {
    expect(drain(queueOf('a1', 'a2', 'a3'))).toEqual(['a1', 'a2', 'a3']);
  });

  it('lets callers take turns, however many one of them has sent before the others came', () => {
    expect(drain(queueOf('a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'))).toEqual([
      'a1',
      'b1',
      'c1',
      'a2',
      'b2',
      'a3',
      'a4',
    ]);
  });

  it('gives nobody a turn for coming again', () => {
    const queue = queueOf('a1', 'b1', 'b2');
    expect(queue.next()).toBe('a1');
    queue.add('a', 'a2');

    expect(drain(queue)).toEqual(['b1', 'a2', 'b2']);
  });

  it('tells the order in which they will come', () => {
    const queue = queueOf('a1', 'a2', 'a3', 'b1', 'c1', 'b2');
    queue.next();
    const told = [...queue.inOrder()];

    expect(told).toHaveLength(queue.size);
    expect(drain(queue)).toEqual(told);
  });

  it('lets one go that no longer wants to wait, and does not mind who is not there', () => {
    const queue = queueOf('a1', 'a2', 'b1');
    queue.remove('a', 'a1');
    queue.remove('a', 'a1');
    queue.remove('z', 'z1');

    expect(queue.size).toBe(2);
    expect(drain(queue)).toEqual(['a2', 'b1']);
    expect(queue.size).toBe(0);
  });
});
