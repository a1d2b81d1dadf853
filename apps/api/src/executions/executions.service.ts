import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import { CommandsService } from '#libs/commands';
import { DomainError, type Session, SessionsService } from '#libs/sessions';

import { Config } from '../config/config.js';
import { describeError } from '../gateway/errors.js';
import type { RunExecutionParams } from '../gateway/params.js';
import { ExecutionRecords, type ExecutionView } from './execution-records.js';
import { WaitingLine } from './waiting-line.js';

const MS_PER_SECOND = 1_000;
const SECONDS_PER_MINUTE = 60;
/** What a sandbox of one run may take beyond the run: to be made and to be handed its files. */
const SPARE_MINUTES = 2;
/** Code, files and input of all executions that were started with `async` and have not ended. */
const MAX_QUEUED_BYTES = 128 * 1024 * 1024;

/** The end of a run whose files or code could not be put in place. */
const NEVER_STARTED = {
  endReason: 'spawn_failed',
  exitCode: null,
  signal: null,
  stdout: '',
  stderr: '',
  stdoutBytes: 0,
  stderrBytes: 0,
  truncated: false,
} as const;

/** Stateless runs: each in a fresh sandbox that nothing else ever sees, and that is gone with the run. */
@Injectable()
export class ExecutionsService implements OnApplicationShutdown {
  private readonly records = new ExecutionRecords();
  private readonly stopping = new AbortController();
  private readonly background = new Set<Promise<void>>();
  private readonly removals = new Set<Promise<void>>();
  private readonly logger = new Logger(ExecutionsService.name);
  private readonly queue: WaitingLine;
  private queuedBytes = 0;

  constructor(
    private readonly sessions: SessionsService,
    private readonly commands: CommandsService,
    private readonly config: Config,
  ) {
    this.queue = new WaitingLine(config.maxRunningExecutions, config.maxQueuedExecutions);
  }

  /** Executions that run now and that wait for their turn. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.queue.running, waiting: this.queue.length };
  }

  /** What is aborted here still has to remove its container. */
  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.allSettled(this.background);
    await Promise.allSettled(this.removals);
  }

  /**
   * Runs to the end.
   * @throws DomainError and RuntimeError as session.create does; a program's own end is in the result
   */
  async run(params: RunExecutionParams, signal: AbortSignal): Promise<ExecutionView> {
    return this.queue.run(signal, () => this.execute(newId(), params, signal));
  }

  /** Queues the run and answers at once; `onEnd` hears the result, which `status` tells too. */
  enqueue(params: RunExecutionParams, onEnd: (execution: ExecutionView) => void): ExecutionView {
    const queued: ExecutionView = { executionId: newId(), status: 'queued' };
    const bytes = Buffer.byteLength(JSON.stringify(params));
    this.queue.requireRoom();
    this.requireMemory(bytes);
    this.queuedBytes += bytes;
    this.records.put(queued);
    const work = this.runQueued(queued.executionId, params).then((ended) => {
      this.queuedBytes -= bytes;
      this.records.put(ended);
      onEnd(ended);
    });
    this.background.add(work);
    void work.finally(() => this.background.delete(work));
    return queued;
  }

  /** @throws DomainError execution_not_found */
  status(executionId: string): ExecutionView {
    const record = this.records.get(executionId);
    if (record) return record;
    throw new DomainError(
      'execution_not_found',
      'There is no such execution; results are kept for 10 minutes and only of those started with async.',
    );
  }

  private requireMemory(bytes: number): void {
    if (this.queuedBytes + bytes <= MAX_QUEUED_BYTES) return;
    throw new DomainError('quota_exceeded', 'The executions that wait are too large together; try again later.', {
      quota: 'queuedBytes',
      limit: MAX_QUEUED_BYTES,
    });
  }

  private async runQueued(executionId: string, params: RunExecutionParams): Promise<ExecutionView> {
    const { signal } = this.stopping;
    try {
      return await this.queue.run(signal, () => {
        this.records.put({ executionId, status: 'running' });
        return this.execute(executionId, params, signal);
      });
    } catch (error) {
      return { executionId, success: false, status: 'failed', ...this.explain(error) };
    }
  }

  /** Nobody waits for the call any more: its refusal has to be told as the result. */
  private explain(error: unknown): { error: string; errorCode: string } {
    const known = describeError(error);
    if (!known) this.logger.error(error);
    const reason = known?.data?.['reason'];
    return {
      error: known?.message ?? "The execution could not be started; the server's log has the reason.",
      errorCode: typeof reason === 'string' ? reason : 'internal_error',
    };
  }

  private async execute(executionId: string, params: RunExecutionParams, signal: AbortSignal): Promise<ExecutionView> {
    const startedAt = performance.now();
    const session = await this.sessions.create(
      {
        language: params.language,
        maxLifetimeMinutes: Math.min(
          this.config.maxLifetimeMinutes,
          params.timeout / SECONDS_PER_MINUTE + SPARE_MINUTES,
        ),
        ...(params.memoryLimit === undefined ? {} : { memoryLimitMB: params.memoryLimit }),
        ...(params.cpuLimit === undefined ? {} : { cpuLimit: params.cpuLimit }),
      },
      { hidden: true, signal },
    );
    try {
      const outcome = await this.runIn(session, params, signal);
      return { executionId, ...outcome, durationMs: Math.round(performance.now() - startedAt) };
    } finally {
      // Behind the reply: the caller need not wait for a container to be taken down.
      const removal = this.sessions.end(session, 'closed').catch(() => undefined);
      this.removals.add(removal);
      void removal.then(() => this.removals.delete(removal));
    }
  }

  private async runIn(session: Session, params: RunExecutionParams, signal: AbortSignal) {
    for (const { path, content, encoding } of params.files) {
      const written = await this.commands.execute(session, { type: 'write_file', path, content, encoding }, { signal });
      if (written.success) continue;
      const error = `The file ${JSON.stringify(path)} could not be written, so nothing was run: ${written.error}`;
      return { success: false, status: 'failed' as const, ...NEVER_STARTED, error, errorCode: written.errorCode };
    }
    const { code, args, stdin, cpuTimeMs } = params;
    const command = {
      type: 'execute_code',
      code,
      args,
      ...(stdin === undefined ? {} : { stdin }),
      ...(cpuTimeMs === undefined ? {} : { cpuTimeMs }),
    };
    const timeoutMs = Math.ceil(params.timeout * MS_PER_SECOND);
    const { success, result, error, errorCode } = await this.commands.execute(session, command, { signal, timeoutMs });
    return {
      success,
      status: success ? ('completed' as const) : ('failed' as const),
      ...(result ?? NEVER_STARTED),
      ...(success ? {} : { error, errorCode }),
    };
  }
}

function newId(): string {
  return `e_${randomBytes(12).toString('base64url')}`;
}
