import type { ProcessEnd } from '#libs/runtime';
import { DomainError, type Session } from '#libs/sessions';

export function contextNotFound(): DomainError {
  return new DomainError(
    'context_not_found',
    'There is no such context: it never was, it was closed, or its session has ended.',
  );
}

export function contextEnded({ endReason, exitCode, signal }: ProcessEnd): DomainError {
  const message = `The interpreter of the context has ended (${endReason}), and its state is gone: restart or close it.`;
  return new DomainError('context_ended', message, { endReason, exitCode, signal });
}

export function sessionEnded(session: Session): DomainError {
  const endReason = session.endReason ?? 'container_lost';
  return new DomainError('session_ended', `The session has ended: ${endReason}.`, { endReason });
}

export function cancelled(reason: unknown, hasRun: boolean): DomainError {
  if (reason === 'shutdown') return new DomainError('shutting_down', 'The server is going down.');
  const so = hasRun ? 'and what it ran was interrupted' : 'before its turn had come: nothing of it has run';
  return new DomainError('request_cancelled', `The request was cancelled, ${so}.`);
}

export function tooManyContexts(limit: number): DomainError {
  const message = `The session has ${limit} contexts, which is all that this server gives: close one.`;
  return new DomainError('quota_exceeded', message, { quota: 'maxSessionContexts', limit });
}

/** The line to the sandbox broke at a moment when nobody can tell whether the code ran. */
export function answerLost(): DomainError {
  return new DomainError(
    'engine_unavailable',
    'The connection to the sandbox was lost while the code ran. Whether it ran is not known; the context goes on.',
  );
}

export function noInterpreter(language: string, supported: readonly string[], why?: string): DomainError {
  const message = `There are no contexts for ${JSON.stringify(language)} in this session.`;
  return new DomainError('unsupported_language', why === undefined ? message : `${message} ${why}`, { supported });
}
