import type { IncomingMessage } from 'node:http';
import type { RpcErrorMapper } from './error-reporter.js';
import type { RpcCall } from './rpc-call.js';
import type { RpcOutcome } from './running-call.js';

/** The answer to an upgrade request. `state` is copied into the connection's `state`. */
export type RpcVerdict =
  | { ok: true; state?: Record<string, unknown> }
  | { ok: false; status: number; message: string; headers?: Record<string, string> };

/** Every limit has a default; a value that is not a positive whole number stops the boot. */
export interface JsonRpcWsOptions {
  /** Largest frame in bytes, 16 MiB by default. A larger one is answered with -32600 and the socket closed with 1009. */
  maxPayloadBytes?: number;
  /** Deepest nesting of arrays and objects in a frame, 64 by default. */
  maxDepth?: number;
  /** Most JSON values in one frame, 100,000 by default: validating millions of tiny ones would block everybody. */
  maxValues?: number;
  /** Most members of a batch, 100 by default. */
  maxBatch?: number;
  /** Most calls of one connection that run at a time, 256 by default; more are answered with -32005. */
  maxInFlight?: number;
  /** Most bytes of frames whose calls still run, per connection, 64 MiB by default; more are answered with -32005. */
  maxInFlightBytes?: number;
  /** Above so many unsent bytes `notify()` waits, 1 MiB by default. Far above it, the client is not read from either. */
  highWaterMarkBytes?: number;
  /** A socket with more unsent bytes than this, 64 MiB by default, is ended: its client does not read. */
  maxBufferedBytes?: number;
  /** A ping so often, 30 s by default; a socket that shows no life for one whole interval is ended. */
  heartbeatIntervalMs?: number;
  /** Most open sockets, 1,000 by default; further upgrades are refused with 503. */
  maxConnections?: number;
  /** How long a cancelled handler may take to end before -32800 is answered without it, 10 s by default. */
  cancelGraceMs?: number;
  /** How long running calls may take at shutdown before they are aborted, 5 s by default. */
  drainMs?: number;
  /** How long a client may take to answer the closing handshake at shutdown, 1 s by default. */
  closeWaitMs?: number;
  /** How long `verifyClient` may take, 10 s by default; then the upgrade is refused with 503. */
  verifyTimeoutMs?: number;
  /** Decides about each upgrade. Throwing refuses it with 500, and the error is logged. */
  verifyClient?: (request: IncomingMessage) => Promise<RpcVerdict>;
  /** Turns an application's own errors into JSON-RPC errors; see {@link RpcErrorMapper}. */
  errorMapper?: RpcErrorMapper;
  /**
   * Runs around each call's guards, pipes and handler: what a global interceptor would do, without the Observable that
   * Nest makes of every call for one. Must call `run` once, and return what it returned.
   */
  aroundCall?: (call: RpcCall, run: () => Promise<RpcOutcome>) => Promise<RpcOutcome>;
}

const MIB = 1024 * 1024;

const limits = {
  maxPayloadBytes: 16 * MIB,
  maxDepth: 64,
  maxValues: 100_000,
  maxBatch: 100,
  maxInFlight: 256,
  maxInFlightBytes: 64 * MIB,
  highWaterMarkBytes: MIB,
  maxBufferedBytes: 64 * MIB,
  heartbeatIntervalMs: 30_000,
  maxConnections: 1_000,
  cancelGraceMs: 10_000,
  drainMs: 5_000,
  closeWaitMs: 1_000,
  verifyTimeoutMs: 10_000,
};

export type JsonRpcLimits = typeof limits;
export type JsonRpcSettings = JsonRpcLimits & Pick<JsonRpcWsOptions, 'verifyClient' | 'errorMapper' | 'aroundCall'>;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.keys forgets the keys of a literal
const names = Object.keys(limits) as (keyof JsonRpcLimits)[];

/** Node's timers and ws's maxPayload are 32-bit: a larger number would silently mean "at once" or "no limit". */
const MAX = 2 ** 31 - 1;

export function resolveOptions(options: JsonRpcWsOptions): JsonRpcSettings {
  const { verifyClient, errorMapper, aroundCall } = options;
  const settings: JsonRpcSettings = { ...limits, verifyClient, errorMapper, aroundCall };
  for (const name of names) {
    const value = options[name] ?? limits[name];
    if (!Number.isInteger(value) || value < 1 || value > MAX) {
      throw new RangeError(`${name} must be a whole number from 1 to ${MAX}, not ${value}`);
    }
    settings[name] = value;
  }
  return settings;
}
