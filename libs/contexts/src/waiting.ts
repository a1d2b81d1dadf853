import { Logger } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import {
  AgentError,
  findLanguage,
  type Interpreter as InterpreterSpec,
  type Sandbox,
  type SandboxSpec,
} from '#libs/runtime';
import { programDirectory, sandboxEnv, type Session } from '#libs/sessions';

import { KEEP_BYTES } from './interpreter.js';

/** What a sandbox must have beside what is asked for, so that one process more is not felt in it. */
const MIN_MEMORY_BYTES = 256 * 1_048_576;
const MIN_PIDS = 64;
/** Tells an interpreter that nobody has asked for yet from a context's, whose generations count from 1. */
export const WAITING_GENERATION = 0;

interface Waiting {
  readonly contextId: string;
  readonly args: string;
}

export function newContextId(): string {
  return `ctx_${randomBytes(12).toString('base64url')}`;
}

/** Interpreters that were started before anybody asked for a context: at most one in a sandbox. */
export class WaitingInterpreters {
  private readonly logger = new Logger(WaitingInterpreters.name);
  private readonly bySandbox = new WeakMap<Sandbox, Waiting>();

  /** @param languages names of those in whose sandboxes one is to wait */
  constructor(private readonly languages: readonly string[]) {}

  /** Starts one in a sandbox that nobody has yet, where it is wanted. A failure is no reason not to use the sandbox. */
  async start(sandbox: Sandbox, { image, labels, limits }: SandboxSpec): Promise<void> {
    const language = findLanguage(labels['language'] ?? '');
    const args = language?.interpreter?.(language.name).args;
    if (!language || !args || !this.languages.includes(language.name)) return;
    if (!image.startsWith(`${language.image}:`)) return;
    if (limits.memoryBytes < MIN_MEMORY_BYTES || limits.pids < MIN_PIDS) return;
    const contextId = newContextId();
    try {
      await sandbox.agent.processes.start({
        processId: processIdOf(contextId),
        args,
        env: sandboxEnv(sandbox),
        cwd: programDirectory(),
        stdin: 'closed',
        channel: true,
        keepBytes: KEEP_BYTES,
      });
      this.keep(sandbox, contextId, args);
    } catch (error) {
      this.logger.debug({ message: 'no interpreter waits in a sandbox', containerId: sandbox.id, error });
    }
  }

  /** Notes one that is there already. */
  keep(sandbox: Sandbox, contextId: string, args: readonly string[]): void {
    this.bySandbox.set(sandbox, { contextId, args: args.join('\0') });
  }

  /** Id of the context that the waiting interpreter becomes, where it is what a new one would be. It waits no more then. */
  take({ sandbox, identity }: Session, { args }: InterpreterSpec): string | undefined {
    const waiting = this.bySandbox.get(sandbox);
    if (waiting?.args !== args.join('\0') || Object.keys(identity.env).length > 0) return undefined;
    this.bySandbox.delete(sandbox);
    return waiting.contextId;
  }

  /** Ends it, where the sandbox gets less room than one for an interpreter and more. */
  async end(sandbox: Sandbox): Promise<void> {
    const waiting = this.bySandbox.get(sandbox);
    if (!waiting) return;
    this.bySandbox.delete(sandbox);
    try {
      await sandbox.agent.kill(processIdOf(waiting.contextId));
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof AgentError)) throw error;
    }
  }
}

function processIdOf(contextId: string): string {
  return `${contextId}-${WAITING_GENERATION}`;
}
