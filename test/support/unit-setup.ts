import { afterAll, vi } from 'vitest';

/** Unit specs share a process with one another: none may leave its fakes to the next. */
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
