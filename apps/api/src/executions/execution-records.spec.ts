import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { ExecutionRecords } from './execution-records.js';

const TEN_MINUTES_MS = 600_000;

describe('ExecutionRecords', () => {
  let records: ExecutionRecords;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'] });
    records = new ExecutionRecords();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('tell the newest state', () => {
    records.put({ executionId: 'e_1', status: 'queued' });
    records.put({ executionId: 'e_1', status: 'completed', exitCode: 0 });

    expect(records.get('e_1')).toEqual({ executionId: 'e_1', status: 'completed', exitCode: 0 });
    expect(records.get('e_2')).toBeUndefined();
  });

  it('keep a result for ten minutes from its end', () => {
    records.put({ executionId: 'e_1', status: 'running' });
    vi.advanceTimersByTime(TEN_MINUTES_MS);
    records.put({ executionId: 'e_1', status: 'failed' });
    vi.advanceTimersByTime(TEN_MINUTES_MS);
    expect(records.get('e_1')?.status).toBe('failed');

    vi.advanceTimersByTime(1);
    expect(records.get('e_1')).toBeUndefined();
  });

  it('keep what still waits or runs, however long', () => {
    records.put({ executionId: 'e_1', status: 'queued' });
    records.put({ executionId: 'e_2', status: 'running' });
    vi.advanceTimersByTime(TEN_MINUTES_MS * 10);

    expect(records.get('e_1')?.status).toBe('queued');
    expect(records.get('e_2')?.status).toBe('running');
  });

  it('are at most two thousand results: the oldest go', () => {
    for (let n = 0; n <= 2_000; n++) records.put({ executionId: `e_${n}`, status: 'completed' });

    expect(records.get('e_0')).toBeUndefined();
    expect(records.get('e_1')).toBeDefined();
    expect(records.get('e_2000')).toBeDefined();
  });

  it('never forget what still runs to make room', () => {
    records.put({ executionId: 'running', status: 'running' });
    for (let n = 0; n <= 2_000; n++) records.put({ executionId: `e_${n}`, status: 'completed' });

    expect(records.get('running')).toBeDefined();
    expect(records.get('e_1')).toBeUndefined();
    expect(records.get('e_2')).toBeDefined();
  });

  it('count the age of a result from its last change', () => {
    records.put({ executionId: 'first', status: 'running' });
    for (let n = 0; n < 1_999; n++) records.put({ executionId: `e_${n}`, status: 'completed' });
    records.put({ executionId: 'first', status: 'completed' });
    records.put({ executionId: 'last', status: 'completed' });

    expect(records.get('first')).toBeDefined();
    expect(records.get('e_0')).toBeUndefined();
  });

  // 2,000 results of 1 MiB a stream are 4 GiB of the server's memory, which one client can fill in ten minutes.
  it('are bounded in bytes too', () => {
    const stdout = 'x'.repeat(1_048_576);
    for (let n = 0; n < 500; n++) records.put({ executionId: `e_${n}`, status: 'completed', stdout });

    expect(records.get('e_0')).toBeUndefined();
  });

  it('count the exact bytes of what is not text too', () => {
    const stdoutBase64 = 'x'.repeat(1_048_576);
    for (let n = 0; n < 500; n++) records.put({ executionId: `e_${n}`, status: 'completed', stdout: '', stdoutBase64 });

    expect(records.get('e_0')).toBeUndefined();
  });
});
