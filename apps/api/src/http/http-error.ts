import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { sentence } from '#libs/commands';
import { AgentError } from '#libs/runtime';
import type { Reason } from '#libs/sessions';

import { describeError } from '../gateway/errors.js';

/** What a client of an HTTP endpoint is told: a status, and `{ error: { reason, message, … } }`. */
export class HttpError extends Error {
  constructor(
    readonly status: number,
    /** snake_case, as in JSON-RPC's `data.reason`. */
    readonly reason: string,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    readonly headers: OutgoingHttpHeaders = {},
  ) {
    super(message);
    this.name = 'HttpError';
  }
}

export function sendHttpError(response: ServerResponse, error: HttpError): void {
  const { status, reason, message, data, headers } = error;
  const body = Buffer.from(`${JSON.stringify({ error: { reason, message, ...data } })}\n`);
  response.writeHead(status, {
    ...headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

/** The status of every reason that JSON-RPC has a code for. */
const STATUS: Record<Reason, number> = {
  invalid_params: 400,
  internal_error: 500,
  request_cancelled: 400,
  session_not_found: 404,
  session_ended: 410,
  unauthenticated: 401,
  forbidden: 403,
  rate_limited: 429,
  quota_exceeded: 429,
  unsupported_language: 422,
  engine_unavailable: 503,
  image_unavailable: 503,
  process_not_found: 404,
  process_ended: 409,
  stdin_closed: 409,
  context_not_found: 404,
  context_ended: 409,
  execution_not_found: 404,
  host_disk_full: 507,
  session_paused: 409,
  shutting_down: 503,
};

/** The status of what a file operation runs into: PROTOCOL.md, *Errors*. */
const FILE_STATUS: Readonly<Record<string, number>> = {
  invalid_path: 400,
  name_too_long: 400,
  permission_denied: 403,
  read_only_file_system: 403,
  not_found: 404,
  already_exists: 412,
  version_mismatch: 412,
  is_a_directory: 409,
  not_a_directory: 409,
  file_busy: 409,
  special_file: 422,
  too_many_links: 422,
  no_space: 507,
  too_large: 507,
  timed_out: 504,
  io_error: 500,
};

/** Maps what the libraries throw; undefined for anything that nobody foresaw. */
export function describeHttpError(thrown: unknown): HttpError | undefined {
  if (thrown instanceof HttpError) return thrown;
  const known = describeError(thrown);
  if (known) {
    const { reason, ...data } = known.data ?? {};
    const retryAfterMs = data['retryAfterMs'];
    const headers = typeof retryAfterMs === 'number' ? { 'Retry-After': Math.ceil(retryAfterMs / 1000) } : {};
    return new HttpError(STATUS[reason as Reason], String(reason), known.message, data, headers);
  }
  const status = thrown instanceof AgentError ? FILE_STATUS[thrown.code] : undefined;
  if (!(thrown instanceof AgentError) || status === undefined) return undefined;
  return new HttpError(status, thrown.code, sentence(thrown.message));
}
