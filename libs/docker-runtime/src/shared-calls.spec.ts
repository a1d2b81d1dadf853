import { describe, expect, it } from 'vitest';

import { deferred } from '#libs/runtime';

import { SharedCalls } from './shared-calls.js';

describe('SharedCalls', () => {
  it('asks once for all who wait, and anew for whoever comes later', async () => {
    const calls = new SharedCalls<number>();
    const answers = [deferred<number>(), deferred<number>()];
    let asked = 0;
    const ask = (): Promise<number> => (answers[asked++] as (typeof answers)[0]).promise;
    const [one, other] = [calls.call('a', ask), calls.call('a', ask)];
    answers[0]?.resolve(1);

    expect(await Promise.all([one, other])).toEqual([1, 1]);
    const late = calls.call('a', ask);
    answers[1]?.resolve(2);
    expect(await late).toBe(2);
  });

  it('keeps questions apart, and forgets what failed', async () => {
    const calls = new SharedCalls<string>();
    const failing = calls.call('a', () => Promise.reject(new Error('away')));

    await expect(calls.call('b', () => Promise.resolve('b'))).resolves.toBe('b');
    await expect(failing).rejects.toThrow('away');
    await expect(calls.call('a', () => Promise.resolve('back'))).resolves.toBe('back');
  });
});
