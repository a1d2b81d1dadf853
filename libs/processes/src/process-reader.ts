import { AgentError, type OutputChunk, type OutputGap, type ProcessEnd } from '#libs/runtime';

import { unlessAborted } from './abortable.js';
import type { BackgroundProcess } from './background-process.js';
import { overAnyLine } from './over-any-line.js';

/** What a reader missed. */
export type Missed = Pick<OutputGap, 'droppedBytes' | 'isLeast'>;

/** Where a reader's output goes. */
export interface ProcessSink {
  /** @param missed before the chunk, if anything. A promise holds up this reader alone. */
  output(chunk: OutputChunk, missed: Missed | undefined): void | Promise<void>;
  /** The last word. @param missed at the end of the output, if anything. */
  exited(end: ProcessEnd, missed: Missed | undefined): void;
  /** Nothing more can be told of the process, for a reason of the agent's. The last word. */
  failed(error: Error): void;
}

/** A reader's place among those that its session may have. */
export interface ReaderSlot {
  free(): void;
}

/** One reader of one process. It has an exchange of its own, so that only it waits for a slow client. */
export class ProcessReader {
  private readonly stopping = new AbortController();
  private gaps: OutputGap[] = [];
  /** How far each stream was handed on; unknown for a reader that begins in the middle, until it is given something. */
  private readonly handedOn: { stdout?: number; stderr?: number };

  constructor(
    private readonly process: BackgroundProcess,
    /** The next chunk that is due. */
    private nextSeq: number,
    private readonly sink: ProcessSink,
    private slot: ReaderSlot | undefined,
  ) {
    this.handedOn = nextSeq === 0 ? { stdout: 0, stderr: 0 } : {};
  }

  /** Reads to the end, over every line that the sandbox gets meanwhile. To be called once; never rejects. */
  async run(): Promise<void> {
    const { process } = this;
    try {
      if (this.stopping.signal.aborted) return;
      // A program that could not be started has nothing that the agent could tell of.
      const unstarted = process.end?.endReason === 'spawn_failed' ? process.end : undefined;
      const { sandbox } = process.session;
      const end = unstarted ?? (await overAnyLine(sandbox, this.stopping.signal, () => this.attach()));
      if (this.stopping.signal.aborted) return;
      if (end) return this.sink.exited(end, this.takeGaps(Number.POSITIVE_INFINITY));
      // The sandbox went while this reader was behind: what it had not got yet is gone.
      const unread = process.end ?? process.unseenEnd();
      this.sink.exited(unread, this.missingOf(unread));
    } catch (error) {
      if (!this.stopping.signal.aborted) this.sink.failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.yieldSlot()?.free();
    }
  }

  /** Gives its place to whoever follows it; undefined when it is not held any more. */
  yieldSlot(): ReaderSlot | undefined {
    const { slot } = this;
    this.slot = undefined;
    return slot;
  }

  /** Detaches; the sink hears no more from now on. */
  stop(): void {
    this.stopping.abort();
  }

  private attach(): Promise<ProcessEnd> {
    // A gap before what had not been delivered will be told again.
    this.gaps = [];
    const { session, id } = this.process;
    return session.sandbox.agent.processes.attach(id, this.nextSeq, {
      signal: this.stopping.signal,
      onGap: (gap) => this.gaps.push(gap),
      onOutput: (chunk) => this.take(chunk),
    });
  }

  private take(chunk: OutputChunk): void | Promise<void> {
    if (this.stopping.signal.aborted) return undefined;
    if (chunk.seq < this.nextSeq) throw new AgentError('internal', 'the agent sent output twice');
    this.nextSeq = chunk.seq + 1;
    this.process.see(chunk);
    this.handedOn[chunk.stream] = chunk.offset + chunk.data.length;
    const taking = this.sink.output(chunk, this.takeGaps(chunk.seq));
    return taking && this.unlessStopped(taking);
  }

  /** A client that takes nothing must not hold up the end of a reader that nobody wants any more. */
  private async unlessStopped(taking: Promise<void>): Promise<void> {
    const { signal } = this.stopping;
    await unlessAborted(taking, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }

  private missingOf({ stdoutBytes, stderrBytes }: ProcessEnd): Missed | undefined {
    const { stdout = stdoutBytes, stderr = stderrBytes } = this.handedOn;
    const tail = Math.max(0, stdoutBytes - stdout) + Math.max(0, stderrBytes - stderr);
    const told = this.takeGaps(Number.POSITIVE_INFINITY);
    return tail > (told?.droppedBytes ?? 0) ? { ...told, droppedBytes: tail } : told;
  }

  /** Gaps are told at once and chunks wait for the client: each gap belongs before the chunk that it names. */
  private takeGaps(seq: number): Missed | undefined {
    const due = this.gaps.filter(({ nextSeq }) => nextSeq <= seq);
    if (due.length === 0) return undefined;
    this.gaps = this.gaps.filter(({ nextSeq }) => nextSeq > seq);
    const droppedBytes = due.reduce((sum, gap) => sum + gap.droppedBytes, 0);
    return due.some(({ isLeast }) => isLeast) ? { droppedBytes, isLeast: true } : { droppedBytes };
  }
}
