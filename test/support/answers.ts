import { expect } from 'vitest';

import { eventually } from './eventually.js';
import type { RpcClient, RpcFailure } from './rpc-client.js';
import type { TestSession } from './test-session.js';

export const UNAVAILABLE = { code: -32008, data: { reason: 'engine_unavailable' } };

/** The result, or what it was refused with. */
export async function settled(promise: Promise<any>): Promise<any> {
  return promise.then(
    (result) => result,
    (error: unknown) => error,
  );
}

/** The refusal that an ended session answers with; asked for until it comes. */
export async function endOf(client: RpcClient, sessionId: string): Promise<RpcFailure> {
  return eventually(
    () => settled(client.call('session.get', { sessionId })),
    ({ code }) => code !== undefined,
    'the session has ended',
  );
}

/** Far above what an answer takes on a slow machine: it tells an answer from none. */
export const AT_ONCE_MS = 30_000;

export async function within<T>(promise: Promise<T>, ms = AT_ONCE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`there was no answer within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks until it is answered: the server mends its lines by itself, and how soon is not promised. */
export async function works(session: TestSession): Promise<void> {
  const answer = await eventually(
    () => settled(session.run('echo', ['works'])),
    (outcome) => outcome.success === true || outcome.code !== UNAVAILABLE.code,
    'the session works again',
  );
  expect(answer).toMatchObject({ success: true, result: { stdout: 'works\n' } });
}
