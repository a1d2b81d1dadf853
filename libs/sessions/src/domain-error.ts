/** Every way in which a request can be refused besides JSON-RPC's own; on the wire as `data.reason`. */
export type Reason =
  | 'session_not_found'
  | 'session_ended'
  | 'unauthenticated'
  | 'forbidden'
  | 'rate_limited'
  | 'quota_exceeded'
  | 'unsupported_language'
  | 'engine_unavailable'
  | 'image_unavailable'
  | 'host_disk_full'
  | 'session_paused'
  | 'process_not_found'
  | 'process_ended'
  | 'stdin_closed'
  | 'context_not_found'
  | 'context_ended'
  | 'execution_not_found'
  | 'invalid_params'
  | 'request_cancelled'
  | 'shutting_down'
  | 'internal_error';

/** A refusal that a client understands: what was wrong and what to do, never a stack or a host path. */
export class DomainError extends Error {
  constructor(
    readonly reason: Reason,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'DomainError';
  }
}
