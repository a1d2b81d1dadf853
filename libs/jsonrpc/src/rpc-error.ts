/** Error codes that this library answers with by itself. Applications add their own. */
export const RpcErrorCode = {
  /** The frame is not JSON. */
  ParseError: -32700,
  /** JSON, but no JSON-RPC 2.0 request, or one beyond a limit of the frame. */
  InvalidRequest: -32600,
  MethodNotFound: -32601,
  /** `data.violations` says which fields. */
  InvalidParams: -32602,
  /** A fault of the server; `data.errorId` stands in its log. */
  InternalError: -32603,
  /** The call was cancelled by `$/cancelRequest`. */
  RequestCancelled: -32800,
  /** The server is going down; the call may be repeated elsewhere or later. */
  ShuttingDown: -32000,
  /** A guard refused the call without saying why. */
  Forbidden: -32004,
  /** Too many calls of this connection are running; `data.retryAfterMs` says when to try again. */
  RateLimited: -32005,
} as const;

const reasons = new Map<number, string>([
  [RpcErrorCode.ParseError, 'parse_error'],
  [RpcErrorCode.InvalidRequest, 'invalid_request'],
  [RpcErrorCode.MethodNotFound, 'method_not_found'],
  [RpcErrorCode.InvalidParams, 'invalid_params'],
  [RpcErrorCode.InternalError, 'internal_error'],
  [RpcErrorCode.RequestCancelled, 'request_cancelled'],
  [RpcErrorCode.ShuttingDown, 'shutting_down'],
  [RpcErrorCode.Forbidden, 'forbidden'],
  [RpcErrorCode.RateLimited, 'rate_limited'],
]);

/** What every error of this library carries: a snake_case reason, and whatever helps the caller to react. */
export type RpcErrorData = { reason: string } & Record<string, unknown>;

/** The error member of a JSON-RPC response. */
export interface RpcErrorObject {
  code: number;
  message: string;
  data: RpcErrorData;
}

/** Gives `data` its reason where the thrower left it out. */
export function toErrorObject(code: number, message: string, data: Record<string, unknown> = {}): RpcErrorObject {
  return { code, message, data: { reason: reasons.get(code) ?? 'error', ...data } };
}

/**
 * An error that is answered to the client exactly as it is thrown: code, message and data leave the process.
 * `data.reason` is filled in for the codes of {@link RpcErrorCode} when it is not given.
 */
export class RpcError extends Error {
  readonly data: RpcErrorData;

  constructor(
    readonly code: number,
    message: string,
    data?: Record<string, unknown>,
  ) {
    super(message);
    this.name = 'RpcError';
    this.data = toErrorObject(code, message, data).data;
  }
}

/** One reason why params were refused; `field` is the dotted path below `params`. */
export interface RpcViolation {
  field: string;
  message: string;
}

/** -32602; the message names the first field, `data.violations` all of them. */
export function invalidParams(violations: RpcViolation[]): RpcError {
  const first = violations[0];
  const message = first ? `Invalid params: ${first.field}: ${first.message}` : 'Invalid params';
  return new RpcError(RpcErrorCode.InvalidParams, message, { violations });
}
