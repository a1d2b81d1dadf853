import { afterEach, describe, expect, it, vi } from 'vitest';
import { Logger } from '@nestjs/common';

import type { Doctor, Report } from '#libs/doctor';
import { RuntimeError } from '#libs/runtime';

import { FakeRuntime } from '../../../../libs/runtime/src/testing/fake-runtime.js';
import { HostGuard, UnsafeHostError } from './host-guard.js';

const SAFE: Report = {
  checkedAt: '2026-11-24T12:00:00.000Z',
  host: {},
  totals: { ok: 3, warn: 1, fail: 0, unknown: 0 },
  escapes: [],
  findings: [{ id: 'cpu', title: 'CPU weaknesses', verdict: 'warn', found: 'Some.', mend: 'Update.', escapes: [] }],
};
const UNSAFE: Report = { ...SAFE, escapes: ['CVE-2024-21626'] };
const AWAY = new RuntimeError('engine_unavailable', 'It is away.');

function setUp(multiTenant: boolean, ...answers: (Report | Error)[]) {
  const quick = vi.fn(async (): Promise<Report> => {
    const answer = answers.shift();
    if (!answer || answer instanceof Error) throw answer ?? new Error('nobody asked for this');
    return answer;
  });
  const runtime = new FakeRuntime();
  const warn = vi.spyOn(Logger.prototype, 'warn').mockReturnValue();
  const log = vi.spyOn(Logger.prototype, 'log').mockReturnValue();
  const guard = new HostGuard({ quick } as unknown as Doctor, runtime, { multiTenant, allowKnownEscapes: false });
  return { guard, runtime, quick, warn, log, onUnsafe: vi.fn() };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a server that starts', () => {
  it('says the short of what its host is like', async () => {
    const { guard, warn, log, onUnsafe } = setUp(true, SAFE);
    await guard.check(onUnsafe);

    expect(warn.mock.calls).toEqual([['warn: CPU weaknesses: Some. Update.']]);
    expect(log.mock.calls).toEqual([[expect.stringContaining('3 ok, 1 warn, 0 fail, 0 unknown')]]);
  });

  it('does not start for several tenants on a host with a known way out', async () => {
    const { guard, onUnsafe } = setUp(true, UNSAFE);

    await expect(guard.check(onUnsafe)).rejects.toThrow(UnsafeHostError);
    expect(onUnsafe).not.toHaveBeenCalled();
  });

  it('waits for nothing when it has one tenant', async () => {
    const { guard, quick, onUnsafe } = setUp(false, UNSAFE);
    quick.mockReturnValue(new Promise(() => undefined));

    await guard.check(onUnsafe);
    expect(quick).toHaveBeenCalledOnce();
  });
});

describe('a server whose engine does not answer', () => {
  it('looks at the host when the engine is there, and ends if it must', async () => {
    const { guard, runtime, onUnsafe } = setUp(true, AWAY, UNSAFE);
    await guard.check(onUnsafe);
    runtime.comeBack();

    await vi.waitFor(() => expect(onUnsafe).toHaveBeenCalledOnce());
    expect(onUnsafe.mock.calls[0]?.[0]).toBeInstanceOf(UnsafeHostError);
  });

  it('looks until it has seen it once, and then no more', async () => {
    const { guard, runtime, quick, log, onUnsafe } = setUp(true, AWAY, AWAY, SAFE);
    await guard.check(onUnsafe);
    runtime.comeBack();
    await vi.waitFor(() => expect(quick).toHaveBeenCalledTimes(2));
    await vi.waitFor(() => {
      runtime.comeBack();
      expect(log).toHaveBeenCalled();
    });
    runtime.comeBack();

    expect(quick).toHaveBeenCalledTimes(3);
    expect(onUnsafe).not.toHaveBeenCalled();
  });
});
