import { DiscoveryService } from '@nestjs/core';

import type { OutputChunk } from '#libs/runtime';
import type { Session } from '#libs/sessions';

export interface CommandMetadata {
  /** The command's name on the wire: snake_case. */
  readonly type: string;
  readonly aliases?: readonly string[];
  /** The class that its fields are validated with. */
  readonly params: new () => object;
  /** Other names that clients may use for a field. */
  readonly fieldAliases?: Readonly<Record<string, string>>;
  /** One sentence for the OpenRPC document. */
  readonly summary: string;
}

/** Declares a provider to be the handler of a command type; CommandsService finds it in any module. */
export const CommandHandler = DiscoveryService.createDecorator<CommandMetadata>();

export interface CommandContext {
  readonly session: Session;
  /** Aborted when the caller cancels or leaves, and when the session ends. */
  readonly signal: AbortSignal;
  /** What is left for the whole command, ms. */
  readonly timeoutMs: number;
  /** Takes output while the program runs; a promise holds the program up. Absent when nobody listens. */
  readonly onOutput?: (processId: string, chunk: OutputChunk) => void | Promise<void>;
  /** Whether it is to go on without its caller. */
  readonly detached?: boolean;
}

/** One command type: its fields in, its result out. */
export interface Command<P extends object> {
  /** @throws AgentError, CommandFailure for what is the command's own failure */
  execute(params: P, context: CommandContext): Promise<object>;
}

/** A command that did not succeed but has a result to show: never a false success, never a lost output. */
export class CommandFailure extends Error {
  constructor(
    readonly errorCode: string,
    message: string,
    readonly result: object | null = null,
  ) {
    super(message);
    this.name = 'CommandFailure';
  }
}
