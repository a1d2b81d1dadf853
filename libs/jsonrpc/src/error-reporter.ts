import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import type { RpcCall } from './rpc-call.js';
import { RpcError, RpcErrorCode, toErrorObject, type RpcErrorObject } from './rpc-error.js';

/** How an application wants one of its errors to be answered and logged. */
export interface RpcErrorDescription {
  code: number;
  /** One sentence for the client. */
  message: string;
  /** Should have a snake_case `reason`. */
  data?: Record<string, unknown>;
  /** How loud the error is in the log; `none` by default. */
  logLevel?: 'error' | 'warn' | 'log' | 'debug' | 'none';
}

/**
 * Maps what a guard, pipe, interceptor or handler threw. `undefined` means "not mine": then Nest's refusal by a guard
 * is -32004 forbidden, and anything else is -32603, with the whole error in the log only. Is not asked about RpcError.
 */
export type RpcErrorMapper = (thrown: unknown, call: RpcCall) => RpcErrorDescription | undefined;

/** Decides what of an error leaves the process and what goes to the log. */
export class ErrorReporter {
  private readonly logger = new Logger('JsonRpc');

  constructor(private readonly mapper: RpcErrorMapper | undefined) {}

  describe(thrown: unknown, call: RpcCall): RpcErrorObject {
    if (thrown instanceof RpcError) return toErrorObject(thrown.code, thrown.message, thrown.data);
    try {
      const mapped = this.mapper?.(thrown, call);
      if (mapped) {
        const { code, message, data, logLevel = 'none' } = mapped;
        if (logLevel !== 'none') this.logger[logLevel](`${call.method}: ${render(thrown)}`);
        return toErrorObject(code, message, data);
      }
    } catch (fault) {
      this.logger.error(`The error mapper failed: ${render(fault)}`);
    }
    // A guard that returns false makes Nest throw this.
    if (thrown instanceof WsException && thrown.message === 'Forbidden resource') {
      return toErrorObject(RpcErrorCode.Forbidden, 'Forbidden');
    }
    return this.internal(thrown, call.method);
  }

  /** The client learns an id, the log everything. */
  internal(thrown: unknown, method: string): RpcErrorObject {
    const errorId = randomUUID();
    this.logger.error(`${method} failed, errorId ${errorId}: ${render(thrown)}`);
    return toErrorObject(RpcErrorCode.InternalError, `Internal error, see ${errorId} in the server's log`, { errorId });
  }

  /** For what nobody waits for any more. */
  late(thrown: unknown, method: string): void {
    this.logger.debug(`${method} failed after its caller had gone: ${render(thrown)}`);
  }
}

function render(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause === undefined ? '' : `\ncaused by ${render(thrown.cause)}`;
  return `${thrown.stack ?? thrown.message}${cause}`;
}
