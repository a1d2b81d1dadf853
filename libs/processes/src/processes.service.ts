import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import {
  AgentError,
  FrameTooLargeError,
  type ProcessEnd,
  type ProcessInfo,
  type StartSpec,
  type TerminalSize,
} from '#libs/runtime';
import {
  type Activity,
  DomainError,
  programDirectory,
  programEnv,
  type Session,
  SessionsService,
  StatusFeed,
} from '#libs/sessions';

import { BackgroundProcess } from './background-process.js';
import { ProcessEnds } from './process-ends.js';
import { ProcessIndex } from './process-index.js';
import { ProcessReader, type ProcessSink, type ReaderSlot } from './process-reader.js';
import { invalid, processNotFound, quotaExceeded, refusalOf } from './refusals.js';
import { startWithin } from './start-within.js';

/** Each takes an exchange with the agent, which has 256 for everything. */
const MAX_RUNNING = 64;
const MAX_READERS = 96;

export interface Terminal extends TerminalSize {
  /** TERM; by default `xterm-256color`. */
  readonly term?: string;
}

export interface StartRequest {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly stdin: 'open' | 'closed';
  readonly pty?: Terminal;
  readonly timeoutMs?: number;
  readonly cpuTimeMs?: number;
  readonly outputLimitBytes?: number;
}

/** What is kept of a process's output, and whether more may come. */
export type ProcessSpan = Pick<ProcessInfo, 'state' | 'firstSeq' | 'nextSeq'>;

/**
 * Background processes: started, found again after a restart, spoken to, and ended with their session. Every call
 * rejects with DomainError as API.md names it, and with RuntimeError engine_unavailable while the engine is away.
 */
@Injectable()
export class ProcessesService {
  private readonly index = new ProcessIndex();
  private readonly readers = new WeakMap<Session, number>();
  private readonly ends: ProcessEnds;

  constructor(
    sessions: SessionsService,
    private readonly feed: StatusFeed,
  ) {
    this.ends = new ProcessEnds(feed);
    sessions.onAdoption((session, processes) => this.adopt(session, processes));
  }

  /**
   * Starts a process. One that cannot be started has ended by `spawn_failed`, as any other end.
   * @throws DomainError session_ended, quota_exceeded, rate_limited, invalid_params
   * @throws RuntimeError sandbox_silent: then nothing of it goes on running
   */
  async start(session: Session, request: StartRequest): Promise<BackgroundProcess> {
    await this.requireReady(session);
    if (this.index.runningIn(session) >= MAX_RUNNING) {
      throw quotaExceeded('processes', MAX_RUNNING, `${MAX_RUNNING} background processes run in the session already.`);
    }
    const { env, workingDirectory, pty, ...rest } = request;
    const spec: StartSpec = {
      ...rest,
      ...(pty ? { pty: { cols: pty.cols, rows: pty.rows } } : {}),
      processId: `p_${randomBytes(12).toString('base64url')}`,
      env: programEnv(session, { ...(pty ? terminalEnv(pty) : {}), ...env }),
      cwd: programDirectory(workingDirectory),
    };
    const process = this.track(session, session.begin(), {
      processId: spec.processId,
      args: spec.args,
      pty: spec.pty !== undefined,
      startedAt: new Date(),
    });
    try {
      if (!(await startWithin(session, spec))) process.finish(process.unseenEnd());
    } catch (error) {
      const failure = spawnFailure(error);
      process.finish({ ...process.unseenEnd(), endReason: 'spawn_failed', ...failure });
      if (failure) return process;
      this.index.remove(process);
      throw startRefusal(session, error);
    }
    if (process.end) throw sessionEnded(session);
    this.feed.publish({ event: 'process.started', sessionId: session.id, details: { processId: process.id } });
    this.ends.follow(process);
    return process;
  }

  /** @throws DomainError process_not_found */
  find(processId: string): BackgroundProcess {
    const process = this.index.get(processId);
    if (!process) throw processNotFound();
    return process;
  }

  /** Every background process that the session's agent still knows, the oldest first. */
  async list(session: Session): Promise<ProcessInfo[]> {
    await this.requireReady(session);
    const { processes } = await session.sandbox.agent.info();
    return processes.filter(isBackground);
  }

  /** Where its output begins and ends just now. */
  async span(process: BackgroundProcess): Promise<ProcessSpan> {
    if (process.end?.endReason === 'spawn_failed') return { state: 'ended', firstSeq: 0, nextSeq: 0 };
    const info = (await this.list(process.session)).find(({ processId }) => processId === process.id);
    if (!info) throw processNotFound();
    return { state: info.state, firstSeq: info.firstSeq, nextSeq: info.nextSeq };
  }

  /**
   * A reader from `fromSeq` on; its `run` begins.
   * @param inPlaceOf a reader of the same process, which the caller stops: a replacement is never one too many
   * @throws DomainError quota_exceeded
   */
  attach(process: BackgroundProcess, fromSeq: number, sink: ProcessSink, inPlaceOf?: ProcessReader): ProcessReader {
    const slot = inPlaceOf?.yieldSlot() ?? this.takeSlot(process.session);
    return new ProcessReader(process, fromSeq, sink, slot);
  }

  private takeSlot(session: Session): ReaderSlot {
    const readers = this.readers.get(session) ?? 0;
    if (readers >= MAX_READERS) {
      throw quotaExceeded('readers', MAX_READERS, `${MAX_READERS} readers are attached in the session already.`);
    }
    this.readers.set(session, readers + 1);
    return { free: () => this.readers.set(session, (this.readers.get(session) ?? 1) - 1) };
  }

  /** Resolves when its stdin has taken all of it. */
  async write(process: BackgroundProcess, data: Buffer, signal: AbortSignal): Promise<{ bytes: number }> {
    return this.ask(process, ({ processes }) => processes.write(process.id, data, { signal }));
  }

  async closeStdin(process: BackgroundProcess, signal: AbortSignal): Promise<void> {
    await this.ask(process, ({ processes }) => processes.write(process.id, Buffer.alloc(0), { close: true, signal }));
  }

  async resize(process: BackgroundProcess, size: TerminalSize): Promise<void> {
    await this.ask(process, ({ processes }) => processes.resize(process.id, size));
  }

  async signal(process: BackgroundProcess, signal: string, target: 'group' | 'leader'): Promise<void> {
    await this.ask(process, ({ processes }) => processes.signal(process.id, signal, target));
  }

  /** Kills it and everything that it started; resolves when nothing of it is left. */
  async kill(process: BackgroundProcess): Promise<{ killed: number }> {
    if (process.end) return { killed: 0 };
    return this.ask(process, (agent) => agent.kill(process.id));
  }

  private async ask<T>(process: BackgroundProcess, call: (agent: Session['sandbox']['agent']) => Promise<T>) {
    if (process.end) throw new DomainError('process_ended', 'The process has ended.');
    await this.requireReady(process.session);
    try {
      return await call(process.session.sandbox.agent);
    } catch (error) {
      throw refusalOf(error);
    }
  }

  private async requireReady(session: Session): Promise<void> {
    if (!(await session.sandbox.ready())) throw sessionEnded(session);
  }

  private track(
    session: Session,
    activity: Activity | undefined,
    facts: BackgroundProcess['facts'],
  ): BackgroundProcess {
    const process = new BackgroundProcess(session, facts, (expired) => this.index.remove(expired));
    if (activity) process.holdBy(activity);
    this.index.add(process);
    return process;
  }

  private adopt(session: Session, processes: readonly ProcessInfo[]): void {
    for (const { processId, args, pty, startedAt, end } of processes.filter(isBackground)) {
      const facts = { processId, args, pty, startedAt: new Date(startedAt) };
      const process = this.track(session, end ? undefined : session.hold(), facts);
      if (end) this.ends.finish(process, end);
      else this.ends.follow(process);
    }
  }
}

/** What has a channel is a context's interpreter. */
function isBackground({ kind, channel }: ProcessInfo): boolean {
  return kind === 'start' && channel !== true;
}

function terminalEnv({ term = 'xterm-256color' }: Terminal): Record<string, string> {
  return { TERM: term, LANG: 'C.UTF-8' };
}

function spawnFailure(error: unknown): Pick<ProcessEnd, 'kind' | 'errno' | 'message'> | undefined {
  if (error instanceof FrameTooLargeError) {
    return { kind: 'args_too_long', message: 'the arguments and the environment are too long together' };
  }
  if (!(error instanceof AgentError) || error.code !== 'spawn_failed') return undefined;
  const { kind, errno } = error.details;
  return {
    message: error.message,
    ...(typeof kind === 'string' ? { kind } : {}),
    ...(typeof errno === 'string' ? { errno } : {}),
  };
}

function startRefusal(session: Session, error: unknown): unknown {
  if (error instanceof AgentError && error.code === 'too_many_processes') {
    return quotaExceeded('processes', 200, 'Too many programs run in the session already.');
  }
  if (error instanceof AgentError && error.code === 'bad_request') return invalid('pty', error.message);
  return session.endReason === undefined ? refusalOf(error) : sessionEnded(session);
}

function sessionEnded(session: Session): DomainError {
  const endReason = session.endReason ?? 'container_lost';
  return new DomainError('session_ended', `The session has ended: ${endReason}.`, { endReason });
}
