import { AgentError } from '#libs/runtime';
import { DomainError } from '#libs/sessions';

export function processNotFound(): DomainError {
  return new DomainError(
    'process_not_found',
    'There is no such process: it never was, its session has ended, or it ended more than ten minutes ago.',
  );
}

/** What a client is told where the agent refused; anything unforeseen stays as it is. */
export function refusalOf(error: unknown): unknown {
  if (!(error instanceof AgentError)) return error;
  switch (error.code) {
    case 'process_not_found':
      return processNotFound();
    case 'process_ended':
      return new DomainError('process_ended', 'The process has ended.');
    case 'stdin_closed':
      return new DomainError('stdin_closed', 'The process\'s stdin is closed: start it with stdin "open".');
    case 'not_a_pty':
      return invalid('processId', 'the process has no terminal: start it with pty');
    case 'unknown_signal':
      return invalid('signal', error.message);
    case 'bad_request':
      return invalid('params', error.message);
    case 'cancelled':
      return new DomainError('request_cancelled', 'The request was cancelled.');
    default:
      return error;
  }
}

export function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid_params', `Invalid params: ${field}: ${message}`, {
    violations: [{ field, message }],
  });
}

export function quotaExceeded(quota: string, limit: number, message: string): DomainError {
  return new DomainError('quota_exceeded', message, { quota, limit });
}
