import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';

import { AgentError, AgentSilentError, ChannelLostError, type OutputChunk, RuntimeError } from '#libs/runtime';
import { DomainError, requireWithin, type Session } from '#libs/sessions';

import {
  type Command,
  type CommandContext,
  CommandFailure,
  CommandHandler,
  type CommandMetadata,
} from './command-handler.js';
import { linkSignals } from './linked-signal.js';
import { CommandsOptions } from './options.js';
import { RunInterruptedError } from './run-program.js';
import { sentence } from './sentence.js';
import { validateCommand } from './validate-command.js';

const DEFAULT_TIMEOUT_MS = 30_000;

export interface ExecuteOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly onOutput?: (processId: string, chunk: OutputChunk) => void | Promise<void>;
  readonly detached?: boolean;
}

export interface CommandOutcome {
  readonly success: boolean;
  readonly result: object | null;
  readonly error: string | null;
  readonly errorCode?: string;
  readonly durationMs: number;
  readonly id?: string | number;
}

/** Told the type of each command that was understood, and how it ended: `ok`, `exited`, an error code, or a reason. */
export type CommandListener = (type: string, end: string) => void;

interface Registered {
  readonly metadata: CommandMetadata;
  readonly handler: Command<object>;
}

interface Understood {
  readonly registered: Registered;
  readonly params: object;
  readonly id: string | number | undefined;
  readonly timeoutMs: number;
}

/** Finds the handler of a command, validates its fields and turns its end into one outcome. */
@Injectable()
export class CommandsService implements OnModuleInit {
  private readonly byName = new Map<string, Registered>();
  private readonly listeners: CommandListener[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly options: CommandsOptions,
  ) {}

  onModuleInit(): void {
    for (const wrapper of this.discovery.getProviders({ metadataKey: CommandHandler.KEY })) {
      const metadata = this.discovery.getMetadataByDecorator(CommandHandler, wrapper);
      if (!metadata || !wrapper.instance) continue;
      for (const name of [metadata.type, ...(metadata.aliases ?? [])]) {
        if (this.byName.has(name)) throw new Error(`two handlers claim the command type ${name}`);
        this.byName.set(name, { metadata, handler: wrapper.instance as Command<object> });
      }
    }
  }

  /** To be called before the application starts, for as long as it lives. */
  onEnd(listener: CommandListener): void {
    this.listeners.push(listener);
  }

  /** Every command type once, for documents. */
  types(): CommandMetadata[] {
    return [...new Set([...this.byName.values()].map(({ metadata }) => metadata))];
  }

  /**
   * Runs one command in a session.
   * @throws DomainError invalid_params, session_ended, request_cancelled, quota_exceeded
   * @throws RuntimeError engine_unavailable
   */
  async execute(session: Session, command: object, options: ExecuteOptions = {}): Promise<CommandOutcome> {
    const understood = this.understand(command, options);
    const tell = (end: string): void => {
      for (const listener of this.listeners) listener(understood.registered.metadata.type, end);
    };
    try {
      const outcome = await this.perform(session, understood, options);
      tell(outcome.errorCode ?? (outcome.result && 'endReason' in outcome.result ? 'exited' : 'ok'));
      return outcome;
    } catch (error) {
      tell(error instanceof DomainError ? error.reason : error instanceof RuntimeError ? error.kind : 'internal_error');
      throw error;
    }
  }

  private async perform(
    session: Session,
    { registered, params, id, timeoutMs }: Understood,
    options: ExecuteOptions,
  ): Promise<CommandOutcome> {
    const startedAt = performance.now();
    const outcome = (part: Pick<CommandOutcome, 'success' | 'result' | 'error' | 'errorCode'>): CommandOutcome => ({
      ...part,
      durationMs: Math.round((performance.now() - startedAt) * 1000) / 1000,
      ...(id === undefined ? {} : { id }),
    });
    const activity = session.begin();
    const link = linkSignals(options.signal, session.ended);
    try {
      if (!(await session.sandbox.ready())) throw ended(session);
      const context: CommandContext = {
        session,
        signal: link.signal,
        timeoutMs,
        ...(options.onOutput ? { onOutput: options.onOutput } : {}),
        ...(options.detached ? { detached: true } : {}),
      };
      context.signal.throwIfAborted();
      return outcome({ success: true, result: await registered.handler.execute(params, context), error: null });
    } catch (error) {
      if (options.signal?.aborted) throw cancelled(options.signal);
      if (error instanceof CommandFailure) {
        return outcome({ success: false, result: error.result, error: error.message, errorCode: error.errorCode });
      }
      if (error instanceof AgentError) {
        if (error.code === 'cancelled' && session.endReason !== undefined) throw ended(session);
        return outcome({ success: false, result: null, error: sentence(error.message), errorCode: error.code });
      }
      if (session.endReason !== undefined) throw ended(session);
      if (error instanceof ChannelLostError) throw await this.lost(session, error);
      throw error;
    } finally {
      link.release();
      activity.end();
    }
  }

  private understand(command: object, options: ExecuteOptions): Understood {
    const { type, id, ...fields } = command as { type?: unknown; id?: unknown };
    const registered = typeof type === 'string' ? this.byName.get(type) : undefined;
    if (!registered) {
      const known = this.types().map((metadata) => metadata.type);
      throw invalid('command.type', `type must be one of: ${known.join(', ')}`);
    }
    if (id !== undefined && typeof id !== 'string' && !isExact(id)) {
      throw invalid('command.id', `id must be a string or a number of at most ${Number.MAX_SAFE_INTEGER}`);
    }
    const params = validateCommand(registered.metadata, fields);
    const own = 'timeoutMs' in params && typeof params.timeoutMs === 'number' ? params.timeoutMs : undefined;
    const timeoutMs = own ?? options.timeoutMs ?? Math.min(DEFAULT_TIMEOUT_MS, this.options.maxTimeoutMs);
    requireWithin('timeoutMs', timeoutMs, this.options.maxTimeoutMs);
    return { registered, params, id, timeoutMs };
  }

  /** The line to the agent broke within the command: says what is known, and never that it went well. */
  private async lost(session: Session, error: ChannelLostError): Promise<Error> {
    const so = 'Whether the command had its effect is not known; a program that still runs is ended.';
    const output = error instanceof RunInterruptedError ? { output: error.output } : {};
    try {
      if (!(await session.sandbox.ready())) return ended(session);
    } catch (cause) {
      if (cause instanceof RuntimeError && cause.kind === 'sandbox_paused') {
        const message = `The container of the session was paused from outside while the command ran. ${so}`;
        return new DomainError('session_paused', message, output, { cause });
      }
      const message = `The Docker engine went away while the command ran. ${so} The session goes on if its container does.`;
      return new DomainError('engine_unavailable', message, output, { cause });
    }
    const isSilent = error instanceof AgentSilentError || error.cause instanceof AgentSilentError;
    const what = isSilent ? 'The sandbox did not answer in time' : 'The connection to the sandbox was lost';
    const message = `${what} while the command ran. ${so} The session goes on.`;
    return new DomainError('engine_unavailable', message, output, { cause: error });
  }
}

/** A greater number has been rounded already, and would come back as another. */
function isExact(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function invalid(field: string, message: string): DomainError {
  return new DomainError('invalid_params', message, { violations: [{ field, message }] });
}

function cancelled({ reason }: AbortSignal): DomainError {
  if (reason === 'shutdown') {
    return new DomainError('shutting_down', 'The server is going down, and has ended what the request had started.');
  }
  return new DomainError('request_cancelled', 'The request was cancelled and what it had started was ended.');
}

function ended(session: Session): DomainError {
  const endReason = session.endReason ?? 'container_lost';
  return new DomainError('session_ended', `The session has ended: ${endReason}.`, { endReason });
}
