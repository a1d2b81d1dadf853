import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type Deferred, deferred } from '#libs/runtime';

import { Admission, type AdmissionBounds, type Applicant } from './admission.js';

const BOUNDS: AdmissionBounds = { sessions: 10, concurrent: 1, waiting: 5, maxWaitMs: 60_000 };

let live: number;
let running: { readonly name: string; readonly end: Deferred<void> }[];

const admissionOf = (bounds: Partial<AdmissionBounds> = {}): Admission =>
  new Admission({ ...BOUNDS, ...bounds }, () => live);

/** Work that ends by hand; the promise settles as its admission does. */
function apply(admission: Admission, name: string, applicant: Applicant = {}): Promise<void> {
  const outcome = admission.run(applicant, () => {
    const end = deferred<void>();
    running.push({ name, end });
    return end.promise;
  });
  outcome.catch(() => undefined);
  return outcome;
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

/** Ends what runs longest, as a create that has made a session. */
async function finish(makesSession = false): Promise<void> {
  if (makesSession) live++;
  running.shift()?.end.resolve();
  await turns();
}

const names = (): string[] => running.map(({ name }) => name);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  live = 0;
  running = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe('Admission', () => {
  it('lets so many be made at once, and the others when one is', async () => {
    const admission = admissionOf({ concurrent: 2 });
    for (const name of ['one', 'two', 'three']) void apply(admission, name);
    await turns();
    expect(names()).toEqual(['one', 'two']);
    expect(admission).toMatchObject({ waiting: 1, isEngineFree: false });

    await finish();
    expect(names()).toEqual(['two', 'three']);
  });

  it('lets nobody in while there are as many sessions as there may be', async () => {
    const admission = admissionOf({ sessions: 2, concurrent: 4 });
    live = 1;
    void apply(admission, 'one');
    void apply(admission, 'two');
    await finish(true);
    expect(names()).toEqual([]);

    live--;
    admission.letIn();
    await turns();
    expect(names()).toEqual(['two']);
  });

  it('lets callers take turns', async () => {
    const admission = admissionOf();
    for (const name of ['a1', 'a2', 'a3', 'b1']) void apply(admission, name, { caller: name.slice(0, 1) });
    const order: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      await turns();
      order.push(...names());
      await finish();
    }

    expect(order).toEqual(['a1', 'a2', 'b1', 'a3']);
  });

  it('tells the place at once, and again when it has become another, not at every step', async () => {
    const admission = admissionOf();
    const told: number[] = [];
    for (const name of ['one', 'two', 'three']) void apply(admission, name);
    void apply(admission, 'four', { onQueued: (position) => told.push(position) });
    await turns();
    expect(told).toEqual([3]);

    await finish();
    await finish();
    expect(told).toEqual([3]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([3, 1]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([3, 1]);
  });

  it('tells nothing to whoever need not wait', async () => {
    const onQueued = vi.fn();
    void apply(admissionOf(), 'one', { onQueued });
    await turns();

    expect(names()).toEqual(['one']);
    expect(onQueued).not.toHaveBeenCalled();
  });

  it('refuses whoever finds the queue full, and says which bound it is', async () => {
    const admission = admissionOf({ waiting: 1 });
    void apply(admission, 'one');
    void apply(admission, 'two');
    await expect(apply(admission, 'three')).rejects.toMatchObject({
      reason: 'quota_exceeded',
      data: { quota: 'maxQueuedCreates', limit: 1 },
    });

    live = 3;
    await expect(apply(admissionOf({ waiting: 0, sessions: 3 }), 'four')).rejects.toMatchObject({
      reason: 'quota_exceeded',
      data: { quota: 'maxSessions', limit: 3 },
    });
  });

  it('sends whoever has waited long enough away, and nobody else', async () => {
    const admission = admissionOf();
    void apply(admission, 'one');
    const impatient = apply(admission, 'two', { maxWaitMs: 500 });
    const unwilling = apply(admission, 'three', { maxWaitMs: 0 });
    void apply(admission, 'four');
    await vi.advanceTimersByTimeAsync(501);

    const refusal = { reason: 'rate_limited', data: { retryAfterMs: expect.any(Number) } };
    await expect(impatient).rejects.toMatchObject(refusal);
    await expect(unwilling).rejects.toMatchObject(refusal);
    await finish();
    expect(names()).toEqual(['four']);
  });

  it('lets those go who no longer want to wait', async () => {
    const admission = admissionOf();
    const abort = new AbortController();
    void apply(admission, 'one');
    const gone = apply(admission, 'two', { signal: abort.signal });
    const aborted = apply(admission, 'three', { signal: AbortSignal.abort() });
    abort.abort();

    await expect(gone).rejects.toMatchObject({ reason: 'request_cancelled' });
    await expect(aborted).rejects.toMatchObject({ reason: 'request_cancelled' });
    await finish();
    expect(names()).toEqual([]);
    expect(admission.isEngineFree).toBe(true);
  });

  it('has room for those alone for whom nobody waits', async () => {
    const admission = admissionOf({ sessions: 3 });
    expect(admission.room).toBe(3);
    live = 1;
    void apply(admission, 'one');
    void apply(admission, 'two');
    expect(admission.room).toBe(0);

    await finish(true);
    await finish();
    expect(admission.room).toBe(1);
  });

  it('counts work that does not ask the engine as a session, and not as a create', async () => {
    const admission = admissionOf({ sessions: 1 });
    const end = deferred<void>();
    const beside = admission.beside(() => end.promise);
    expect(admission).toMatchObject({ room: 0, isEngineFree: true });
    void apply(admission, 'one');
    await turns();
    expect(names()).toEqual([]);

    end.resolve();
    await beside;
    await turns();
    expect(names()).toEqual(['one']);
  });

  it('goes on after work that fails', async () => {
    const admission = admissionOf();
    const failing = apply(admission, 'one');
    void apply(admission, 'two');
    running.shift()?.end.reject(new Error('broken'));

    await expect(failing).rejects.toThrow('broken');
    await turns();
    expect(names()).toEqual(['two']);
  });

  it('sends all away for whom nothing can be had, and takes others then', async () => {
    const admission = admissionOf();
    void apply(admission, 'one');
    const waiting = [apply(admission, 'two'), apply(admission, 'three')];
    admission.refuse(new Error('the engine is away'));

    for (const each of waiting) await expect(each).rejects.toThrow('the engine is away');
    await finish();
    void apply(admission, 'four');
    expect(names()).toEqual(['four']);
  });
});
