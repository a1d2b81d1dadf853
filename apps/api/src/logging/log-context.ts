import { AsyncLocalStorage } from 'node:async_hooks';

/** What every log line of one request says. */
export interface LogFields {
  readonly connectionId: string;
  readonly requestId: string | number | null;
  readonly method: string;
  readonly sessionId?: string;
}

export const logContext = new AsyncLocalStorage<LogFields>();
