import { SchedulerRegistry } from '@nestjs/schedule';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { deferred } from '#libs/runtime';

import { CleanUp } from './clean-up.js';
import type { SessionsOptions } from './options.js';
import type { SessionsService } from './sessions.service.js';

describe('CleanUp', () => {
  const cleanUp = vi.fn();
  let scheduler: SchedulerRegistry;

  beforeEach(() => {
    vi.useFakeTimers({ now: new Date('2026-01-02T03:00:01Z') });
    cleanUp.mockReset();
    scheduler = new SchedulerRegistry();
    const options = { cleanUpCron: '*/10 * * * * *' } as SessionsOptions;
    new CleanUp(scheduler, { cleanUp } as unknown as SessionsService, options).onApplicationBootstrap();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it('runs when the cron expression says so', async () => {
    await vi.advanceTimersByTimeAsync(8_500);
    expect(cleanUp).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(21_000);

    expect(cleanUp).toHaveBeenCalledTimes(3);
  });

  it('does not begin again while the last run still goes on', async () => {
    const running = deferred<void>();
    cleanUp.mockReturnValueOnce(running.promise);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(cleanUp).toHaveBeenCalledTimes(1);

    running.resolve();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(cleanUp).toHaveBeenCalledTimes(2);
  });

  it('is stopped with the scheduler’s other jobs', async () => {
    await scheduler.getCronJob('clean-up').stop();
    await vi.advanceTimersByTimeAsync(60_000);

    expect(cleanUp).not.toHaveBeenCalled();
  });
});
