import { describe, expect, it } from 'vitest';

import { type Deferred, deferred } from '#libs/runtime';

import { Gate } from './gate.js';

/** Work that a test ends by hand. */
function tasks(gate: Gate, names: string[]) {
  const begun: string[] = [];
  const ends = new Map<string, Deferred<string>>();
  const outcomes = names.map((name) => {
    const end = deferred<string>();
    ends.set(name, end);
    return gate.run(() => {
      begun.push(name);
      return end.promise;
    });
  });
  for (const outcome of outcomes) outcome.catch(() => undefined);
  return { begun, outcomes, end: (name: string) => ends.get(name) as Deferred<string> };
}

describe('Gate', () => {
  it('lets only so many run at once, and the others in the order in which they came', async () => {
    const { begun, outcomes, end } = tasks(new Gate(2), ['a', 'b', 'c', 'd']);
    expect(begun).toEqual(['a', 'b']);

    end('b').resolve('done');
    await outcomes[1];
    expect(begun).toEqual(['a', 'b', 'c']);

    end('a').resolve('done');
    await outcomes[0];
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
  });

  it('gives back what the work gave', async () => {
    const gate = new Gate(1);

    await expect(gate.run(() => Promise.resolve('result'))).resolves.toBe('result');
    await expect(gate.run(() => Promise.reject(new Error('broke')))).rejects.toThrow('broke');
  });

  it('hands the place of work that failed on', async () => {
    const { begun, outcomes, end } = tasks(new Gate(1), ['a', 'b', 'c']);
    end('a').reject(new Error('broke'));
    await expect(outcomes[0]).rejects.toThrow('broke');
    end('b').reject(new Error('broke too'));
    await expect(outcomes[1]).rejects.toThrow('broke too');

    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('hands the place of work on that failed before it began to wait', async () => {
    const gate = new Gate(1);
    const thrown = gate.run(() => {
      throw new Error('at once');
    });
    const next = gate.run(() => Promise.resolve('next'));

    await expect(thrown).rejects.toThrow('at once');
    await expect(next).resolves.toBe('next');
  });

  it('lets nobody who comes just now overtake the queue', async () => {
    const gate = new Gate(1);
    const { begun, outcomes, end } = tasks(gate, ['a', 'b']);
    const late = outcomes[0]?.then(() => gate.run(async () => void begun.push('late')));
    end('a').resolve('done');
    await outcomes[0];
    end('b').resolve('done');
    await late;

    expect(begun).toEqual(['a', 'b', 'late']);
  });

  it('sends away who waits, and not who has begun or comes later', async () => {
    const gate = new Gate(1);
    const { begun, outcomes, end } = tasks(gate, ['a', 'b', 'c']);
    gate.refuse(new Error('away'));
    const later = tasks(gate, ['d']);

    await expect(outcomes[1]).rejects.toThrow('away');
    await expect(outcomes[2]).rejects.toThrow('away');
    end('a').resolve('done');
    await expect(outcomes[0]).resolves.toBe('done');
    expect([begun, later.begun]).toEqual([['a'], ['d']]);
  });

  it('is as wide as before when everything has run', async () => {
    const gate = new Gate(2);
    const first = tasks(gate, ['a', 'b', 'c', 'd', 'e']);
    for (const name of ['a', 'b', 'c', 'd', 'e']) first.end(name).resolve('done');
    await Promise.all(first.outcomes);

    expect(tasks(gate, ['f', 'g', 'h']).begun).toEqual(['f', 'g']);
  });
});
