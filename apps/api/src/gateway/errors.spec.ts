import { describe, expect, it } from 'vitest';

import { AgentError, ChannelLostError, RuntimeError } from '#libs/runtime';
import { RpcErrorCode } from '#libs/jsonrpc';
import { DomainError, type Reason } from '#libs/sessions';

import { describeError, ERRORS } from './errors.js';

/** API.md, *Errors*: what clients rely on, so it stands here once more by hand. */
const DOCUMENTED: Record<Reason, number> = {
  invalid_params: -32602,
  internal_error: -32603,
  request_cancelled: -32800,
  session_not_found: -32001,
  session_ended: -32002,
  unauthenticated: -32003,
  forbidden: -32004,
  rate_limited: -32005,
  quota_exceeded: -32006,
  unsupported_language: -32007,
  engine_unavailable: -32008,
  image_unavailable: -32009,
  process_not_found: -32010,
  process_ended: -32014,
  stdin_closed: -32015,
  context_not_found: -32016,
  context_ended: -32017,
  execution_not_found: -32011,
  host_disk_full: -32012,
  session_paused: -32013,
  shutting_down: -32000,
};

describe('the table of errors', () => {
  it.each(Object.entries(DOCUMENTED))('answers %s with %i', (reason, code) => {
    expect(ERRORS[reason as Reason].code).toBe(code);
  });

  it('has no other reasons, and no code twice', () => {
    expect(Object.keys(ERRORS).sort()).toEqual(Object.keys(DOCUMENTED).sort());
    const codes = Object.values(ERRORS).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  it('agrees with what the protocol itself answers', () => {
    expect(ERRORS.invalid_params.code).toBe(RpcErrorCode.InvalidParams);
    expect(ERRORS.internal_error.code).toBe(RpcErrorCode.InternalError);
    expect(ERRORS.request_cancelled.code).toBe(RpcErrorCode.RequestCancelled);
    expect(ERRORS.forbidden.code).toBe(RpcErrorCode.Forbidden);
    expect(ERRORS.rate_limited.code).toBe(RpcErrorCode.RateLimited);
  });

  it('is loud about what an operator must mend, and silent about what clients do wrong', () => {
    expect(ERRORS.internal_error.logLevel).toBe('error');
    expect(ERRORS.engine_unavailable.logLevel).toBe('warn');
    expect(ERRORS.image_unavailable.logLevel).toBe('warn');
    for (const reason of ['invalid_params', 'session_not_found', 'session_ended'] as const) {
      expect(ERRORS[reason].logLevel).toBe('none');
    }
  });
});

describe('describeError', () => {
  it('tells a refusal with its reason and its data', () => {
    expect(describeError(new DomainError('session_ended', 'It has ended.', { endReason: 'closed' }))).toEqual({
      code: -32002,
      logLevel: 'none',
      message: 'It has ended.',
      data: { reason: 'session_ended', endReason: 'closed' },
    });
  });

  it.each([
    ['engine_unavailable', -32008],
    ['image_unavailable', -32009],
  ] as const)('tells what the runtime cannot do: %s', (kind, code) => {
    expect(describeError(new RuntimeError(kind, 'A sentence.', { image: 'x' }))).toMatchObject({
      code,
      message: 'A sentence.',
      data: { reason: kind, image: 'x' },
    });
  });

  it('tells limits that the engine refuses as wrong params, with what was wrong', () => {
    expect(describeError(new RuntimeError('invalid_limits', 'Too many CPUs.'))).toMatchObject({
      code: -32602,
      data: { reason: 'invalid_params', violations: [{ message: 'Too many CPUs.' }] },
    });
  });

  it('tells a broken line as an engine that is away', () => {
    expect(describeError(new ChannelLostError('connect ENOENT /var/run/docker.sock'))).toMatchObject({
      code: -32008,
      message: 'The connection to the sandbox was lost.',
    });
  });

  it('tells a busy agent as a reason to come back', () => {
    expect(describeError(new AgentError('busy', 'too many'))).toMatchObject({
      code: -32005,
      data: { reason: 'rate_limited', retryAfterMs: expect.any(Number) as number },
    });
  });

  it.each([
    [new RuntimeError('sandbox_failed', 'x')],
    [new AgentError('internal', 'x')],
    [new TypeError('a bug')],
    ['text'],
    [undefined],
  ])('leaves alone what nobody foresaw, so that nothing of it leaks (%#)', (thrown) => {
    expect(describeError(thrown)).toBeUndefined();
  });
});
