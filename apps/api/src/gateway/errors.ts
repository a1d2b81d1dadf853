import { AgentError, ChannelLostError, RuntimeError, type RuntimeErrorKind } from '#libs/runtime';
import type { RpcErrorDescription } from '#libs/jsonrpc';
import { DomainError, type Reason } from '#libs/sessions';

interface Answer {
  readonly code: number;
  readonly logLevel: NonNullable<RpcErrorDescription['logLevel']>;
}

/** API.md's table of errors: the only place where a reason meets its number. */
export const ERRORS: Record<Reason, Answer> = {
  invalid_params: { code: -32602, logLevel: 'none' },
  internal_error: { code: -32603, logLevel: 'error' },
  request_cancelled: { code: -32800, logLevel: 'none' },
  session_not_found: { code: -32001, logLevel: 'none' },
  session_ended: { code: -32002, logLevel: 'none' },
  unauthenticated: { code: -32003, logLevel: 'log' },
  forbidden: { code: -32004, logLevel: 'log' },
  rate_limited: { code: -32005, logLevel: 'log' },
  quota_exceeded: { code: -32006, logLevel: 'log' },
  unsupported_language: { code: -32007, logLevel: 'none' },
  engine_unavailable: { code: -32008, logLevel: 'warn' },
  image_unavailable: { code: -32009, logLevel: 'warn' },
  process_not_found: { code: -32010, logLevel: 'none' },
  process_ended: { code: -32014, logLevel: 'none' },
  stdin_closed: { code: -32015, logLevel: 'none' },
  context_not_found: { code: -32016, logLevel: 'none' },
  context_ended: { code: -32017, logLevel: 'none' },
  execution_not_found: { code: -32011, logLevel: 'none' },
  host_disk_full: { code: -32012, logLevel: 'error' },
  session_paused: { code: -32013, logLevel: 'log' },
  shutting_down: { code: -32000, logLevel: 'none' },
};

const RUNTIME_REASONS: Record<RuntimeErrorKind, Reason> = {
  engine_unavailable: 'engine_unavailable',
  image_unavailable: 'image_unavailable',
  invalid_limits: 'invalid_params',
  host_disk_full: 'host_disk_full',
  sandbox_paused: 'session_paused',
  sandbox_lost: 'session_ended',
  sandbox_silent: 'engine_unavailable',
  sandbox_failed: 'internal_error',
};

/** Maps what the libraries throw to JSON-RPC errors; undefined for anything that nobody foresaw. */
export function describeError(thrown: unknown): RpcErrorDescription | undefined {
  if (thrown instanceof DomainError) return describe(thrown.reason, thrown.message, thrown.data);
  if (thrown instanceof RuntimeError && thrown.kind !== 'sandbox_failed') {
    const reason = RUNTIME_REASONS[thrown.kind];
    const violations = reason === 'invalid_params' ? { violations: [{ field: '', message: thrown.message }] } : {};
    return describe(reason, thrown.message, { ...thrown.data, ...violations });
  }
  if (thrown instanceof ChannelLostError) {
    return describe('engine_unavailable', 'The connection to the sandbox was lost.');
  }
  if (thrown instanceof AgentError && thrown.code === 'busy') {
    return describe('rate_limited', 'The sandbox has too many requests at once.', { retryAfterMs: 100 });
  }
  return undefined;
}

function describe(reason: Reason, message: string, data: Readonly<Record<string, unknown>> = {}): RpcErrorDescription {
  return { ...ERRORS[reason], message, data: { reason, ...data } };
}
