import { deferred, type EndReason, KeptOutput, type OutputChunk, type ProcessEnd } from '#libs/runtime';
import type { DomainError } from '#libs/sessions';

import type { CellError, DriverMessage, Representations } from './messages.js';

/** Takes output while a cell runs. `seq` counts the cell's chunks from 0; a promise holds the program up. */
export type OutputListener = (chunk: OutputChunk) => void | Promise<void>;

/** Why a cell is to end before its time. */
export type StopReason = 'timed_out' | 'cancelled' | 'output_limit' | 'killed';

/** How a cell ended, and all that came of it. */
export interface CellResult {
  readonly results: readonly Representations[];
  readonly stdout: string;
  readonly stderr: string;
  /** An exception that nothing in the code has caught, or the end of the interpreter. */
  readonly error: CellError | null;
  /** How many cells the interpreter has run, this one included. */
  readonly executionCount: number;
  /** `exited`: the code came to its end, by an exception or without, and nobody had stopped it. */
  readonly endReason: EndReason;
  readonly durationMs: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Output or results were longer than is kept. */
  readonly truncated: boolean;
  /** The interpreter ended with the cell, and the state is gone. */
  readonly contextEnded: boolean;
}

/** The output that has come since the last cell ended: it belongs to the next one. */
export class CellOutput {
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;

  constructor(keptBytes: number) {
    this.stdout = new KeptOutput(keptBytes);
    this.stderr = new KeptOutput(keptBytes);
  }

  get totalBytes(): number {
    return this.stdout.total + this.stderr.total;
  }
}

/** One piece of code on its way through an interpreter. */
export class Cell {
  private readonly results: Representations[] = [];
  private readonly outcome = deferred<CellResult>();
  private readonly beginning = deferred<void>();
  private readonly letting = deferred<void>();
  private readonly startedAt = performance.now();
  private stopReason: StopReason | undefined;
  private resultBytes = 0;
  private resultsTruncated = false;
  private nextSeq = 0;

  constructor(
    readonly id: number,
    private readonly output: CellOutput,
    private readonly listener: OutputListener | undefined,
  ) {
    // It may fail while nobody looks yet.
    this.outcome.promise.catch(() => undefined);
    for (const stream of ['stdout', 'stderr'] as const) {
      const before = output[stream].bytes(false);
      if (before.length > 0) void this.tell(stream, before)?.catch(() => undefined);
    }
  }

  /** Resolves when it has ended. */
  get ended(): Promise<CellResult> {
    return this.outcome.promise;
  }

  /** Resolves when the interpreter has begun it, or will not any more: from then on an interrupt reaches it. */
  get begun(): Promise<void> {
    return this.beginning.promise;
  }

  get totalResultBytes(): number {
    return this.resultBytes;
  }

  /** Notes why it is to end; the first reason counts. */
  stop(reason: StopReason): void {
    this.stopReason ??= reason;
  }

  /** Waits for its client no longer. */
  letGo(): void {
    this.letting.resolve();
  }

  take(chunk: OutputChunk): void | Promise<void> {
    this.output[chunk.stream].add(chunk.data);
    const told = this.tell(chunk.stream, chunk.data);
    // A client that is slow holds the program up, but not its end; one that has gone has cancelled already.
    return told && Promise.race([told.catch(() => undefined), this.letting.promise]);
  }

  hear(message: Extract<DriverMessage, { kind: 'started' | 'result' | 'done' }>, bytes: number): void {
    if (message.kind === 'started') return this.beginning.resolve();
    if (message.kind === 'done') {
      // What the code made of the interrupt does not count: it may have met a child, or have been caught.
      const endReason = this.stopReason ?? 'exited';
      return this.finish({ endReason, error: message.error, executionCount: message.count, contextEnded: false });
    }
    this.resultBytes += bytes;
    this.resultsTruncated ||= message.truncated;
    this.results.push(message.result);
  }

  /** The interpreter has ended, and the cell with it. */
  interpreterEnded(end: ProcessEnd, count: number): void {
    const wasKilled = end.endReason === 'killed' || end.endReason === 'cancelled';
    const endReason = wasKilled ? (this.stopReason ?? 'killed') : end.endReason;
    const how = end.signal ?? (end.exitCode === null ? end.endReason : `exit code ${end.exitCode}`);
    const message = `The interpreter ended (${how}) while the code ran, and its state is gone.`;
    const error = { name: 'InterpreterEnded', message, traceback: '' };
    this.finish({ endReason, error, executionCount: count, contextEnded: true });
  }

  fail(error: DomainError): void {
    this.beginning.resolve();
    this.letting.resolve();
    this.outcome.reject(error);
  }

  private finish(end: Pick<CellResult, 'endReason' | 'error' | 'executionCount' | 'contextEnded'>): void {
    const { stdout, stderr } = this.output;
    this.beginning.resolve();
    this.outcome.resolve({
      results: this.results,
      stdout: stdout.bytes(stdout.truncated).toString(),
      stderr: stderr.bytes(stderr.truncated).toString(),
      ...end,
      durationMs: Math.round((performance.now() - this.startedAt) * 1000) / 1000,
      stdoutBytes: stdout.total,
      stderrBytes: stderr.total,
      truncated: stdout.truncated || stderr.truncated || this.resultsTruncated,
    });
  }

  private tell(stream: OutputChunk['stream'], data: Buffer): void | Promise<void> {
    return this.listener?.({ stream, seq: this.nextSeq++, offset: 0, data });
  }
}
