import { Logger } from '@nestjs/common';

import { type Deferred, deferred, type Interpreter as InterpreterSpec, type ProcessEnd } from '#libs/runtime';
import { overAnyLine } from '#libs/processes';
import { DomainError, type Session } from '#libs/sessions';

import { Cell, CellOutput, type CellResult, type OutputListener, type StopReason } from './cell.js';
import { Interpreter, type InterpreterEvents } from './interpreter.js';
import type { DriverMessage } from './messages.js';
import type { ContextsOptions } from './options.js';
import { answerLost, cancelled, contextEnded, sessionEnded } from './refusals.js';
import { Turns } from './turns.js';

/** When an interpreter that is to stop is interrupted once more: it may just have been about to wait for a child. */
const SECOND_INTERRUPT_MS = 1_000;
/** How long it may take, before it is killed with its state. */
const INTERRUPT_GRACE_MS = 2_000;
const MAX_WAITING = 64;
/** Ids of cells begin anywhere, so that what an earlier server asked is never taken for an answer to this one. */
const ID_RANGE = 2 ** 40;

export type ContextState = 'idle' | 'running' | 'ended';

export interface ContextFacts {
  readonly id: string;
  /** As the client named it. */
  readonly language: string;
  readonly spec: InterpreterSpec;
  readonly createdAt: Date;
}

export interface ExecuteCellOptions {
  readonly timeoutMs: number;
  /** Aborted when nobody wants it any more; it is then interrupted. */
  readonly signal: AbortSignal;
  readonly onOutput?: OutputListener;
}

/** An interpreter that remembers: cells run in it one after another. */
export class Context {
  private readonly logger = new Logger(Context.name);
  private readonly turns = new Turns();
  private nextId = Math.floor(Math.random() * ID_RANGE);
  private interpreter!: Interpreter;
  private ready!: Deferred<void>;
  private output: CellOutput;
  private cell: Cell | undefined;
  private known: ProcessEnd | undefined;
  private count = 0;
  /** It was taken up again, and has not said yet that it is between two cells. */
  private isStrange = false;

  constructor(
    readonly session: Session,
    readonly facts: ContextFacts,
    private readonly options: ContextsOptions,
    private generation: number,
    end?: ProcessEnd,
  ) {
    this.output = new CellOutput(options.keptOutputBytes);
    this.use(0);
    this.known = end;
  }

  get id(): string {
    return this.facts.id;
  }

  get state(): ContextState {
    if (this.known) return 'ended';
    return this.cell || this.isStrange ? 'running' : 'idle';
  }

  /** How many cells its interpreter has run. */
  get executionCount(): number {
    return this.count;
  }

  /** How its interpreter ended, if it did. */
  get end(): ProcessEnd | undefined {
    return this.known;
  }

  /** Resolves when the interpreter answers. @throws AgentError spawn_failed, DomainError context_ended */
  async start(): Promise<void> {
    await this.interpreter.start(this.facts.spec.args);
    this.interpreter.read();
    await this.ready.promise;
  }

  /** As `start`, by the interpreter that waits for it in the sandbox. */
  async takeOver(): Promise<void> {
    this.isStrange = true;
    this.interpreter.read();
    this.ask();
    await this.ready.promise;
  }

  /** Takes up an interpreter that an earlier server has started. A cell that still runs is nobody's, and is ended. */
  adopt(fromSeq: number): void {
    this.use(fromSeq);
    this.isStrange = true;
    this.interpreter.read();
    this.ask();
    this.interpreter.interrupt().catch((error: unknown) => this.logger.debug(error));
  }

  /** What it wrote to stderr before it ended or was asked for anything: why it did not start. */
  get firstWords(): string {
    return this.output.stderr.bytes(true).toString();
  }

  /**
   * Runs a cell when those before it have ended.
   * @throws DomainError context_ended, quota_exceeded, request_cancelled, session_ended, engine_unavailable
   */
  async execute(code: string, options: ExecuteCellOptions): Promise<CellResult> {
    if (this.turns.waiting >= MAX_WAITING) {
      throw new DomainError('quota_exceeded', `${MAX_WAITING} cells wait in the context already.`, {
        quota: 'waitingCells',
        limit: MAX_WAITING,
      });
    }
    const { signal } = options;
    try {
      await this.turns.take(signal);
    } catch (error) {
      throw signal.aborted ? this.notWanted(signal, false) : error;
    }
    try {
      if (this.known)
        throw this.session.endReason === undefined ? contextEnded(this.known) : sessionEnded(this.session);
      const result = await this.run(code, options);
      if (signal.aborted) throw this.notWanted(signal, true);
      return result;
    } finally {
      this.cell = undefined;
      this.output = new CellOutput(this.options.keptOutputBytes);
      this.turns.pass();
    }
  }

  /** Ctrl-C. The state stays; false when nothing runs. */
  async interrupt(): Promise<boolean> {
    const { cell } = this;
    if (!cell || this.known) return false;
    await this.interruptCell(cell, 'cancelled');
    return true;
  }

  /** A new interpreter in place of the old one; cells that run or wait are ended. */
  async restart(): Promise<void> {
    await this.endInterpreter();
    await this.turns.take(this.session.ended);
    try {
      // Another restart may have been quicker.
      await this.endInterpreter();
      this.generation++;
      this.known = undefined;
      this.isStrange = false;
      this.count = 0;
      this.output = new CellOutput(this.options.keptOutputBytes);
      this.use(0);
      await this.start();
    } finally {
      this.turns.pass();
    }
  }

  /** Its session has ended: nothing of it is waited for any more. */
  abandon(): void {
    this.cell?.fail(sessionEnded(this.session));
  }

  /** Ends the interpreter and what it has started; nothing of it is left then. */
  async endInterpreter(): Promise<void> {
    this.cell?.stop('killed');
    this.cell?.letGo();
    const { interpreter } = this;
    await interpreter.kill();
    await interpreter.release();
  }

  private use(fromSeq: number): void {
    const ready = deferred<void>();
    ready.promise.catch(() => undefined);
    const interpreter: Interpreter = new Interpreter(
      this.session,
      `${this.id}-${this.generation}`,
      this.events((): boolean => this.interpreter === interpreter, ready),
      this.options.maxResultBytes,
      fromSeq,
    );
    this.interpreter = interpreter;
    this.ready = ready;
  }

  /** What an interpreter says that was replaced is of no interest. */
  private events(isCurrent: () => boolean, ready: Deferred<void>): InterpreterEvents {
    return {
      message: (message, bytes) => {
        // Whoever took an interpreter over hears its first words late: they do not say that it still answers.
        if (message.kind === 'pong' && !(this.isStrange && message.id === 0)) ready.resolve();
        if (isCurrent()) this.hear(message, bytes);
      },
      output: (chunk) => {
        if (!isCurrent()) return undefined;
        const { cell } = this;
        if (!cell) return this.output[chunk.stream].add(chunk.data);
        const taken = cell.take(chunk);
        if (this.output.totalBytes > this.options.outputLimitBytes) this.stop(cell, 'output_limit');
        return taken;
      },
      gap: () => {
        if (isCurrent()) this.ask();
      },
      ended: (end) => {
        ready.reject(contextEnded(end));
        if (!isCurrent()) return;
        this.known = end;
        if (this.session.endReason === undefined) this.cell?.interpreterEnded(end, this.count);
        else this.cell?.fail(sessionEnded(this.session));
      },
    };
  }

  private hear(message: DriverMessage, bytes: number): void {
    const { cell } = this;
    if (message.kind === 'pong') {
      this.count = message.count;
      if (message.id !== 0) this.isStrange = false;
      // It answers between cells only: if one was sent before, its words are lost, or it never arrived.
      if (cell && cell.id < message.id) cell.fail(answerLost());
      // What was written to a client of an earlier server, or before the interpreter was ready.
      if (!cell) this.output = new CellOutput(this.options.keptOutputBytes);
      return;
    }
    if (message.id !== cell?.id) return;
    if (message.kind === 'done') this.count = message.count;
    cell.hear(message, bytes);
    if (cell.totalResultBytes > 2 * this.options.maxResultBytes) this.stop(cell, 'output_limit');
  }

  private async run(code: string, { timeoutMs, signal, onOutput }: ExecuteCellOptions): Promise<CellResult> {
    const id = ++this.nextId;
    const cell = new Cell(id, this.output, onOutput);
    this.cell = cell;
    const timer = setTimeout(() => this.stop(cell, 'timed_out'), timeoutMs);
    const onAbort = (): void => this.stop(cell, 'cancelled');
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      this.interpreter.send(`execute ${id} ${this.options.maxResultBytes} ${JSON.stringify(code)}`).catch(() => {
        // The process has ended, which is told apart; or the line broke, and the driver must say what it knows.
        if (this.cell === cell && !this.known) this.ask();
      });
      return await cell.ended;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Interrupts a cell, and kills the interpreter when it does not heed. */
  private stop(cell: Cell, reason: StopReason): void {
    const kill = (): void => {
      cell.letGo();
      this.interpreter.kill().catch((error: unknown) => this.logger.warn(error));
    };
    const interrupt = (): void => {
      this.interruptCell(cell, reason).catch((error: unknown) => this.logger.debug(error));
    };
    const timers = [setTimeout(interrupt, SECOND_INTERRUPT_MS), setTimeout(kill, INTERRUPT_GRACE_MS)];
    void cell.ended.catch(() => undefined).finally(() => timers.forEach(clearTimeout));
    interrupt();
  }

  private async interruptCell(cell: Cell, reason: StopReason): Promise<void> {
    cell.stop(reason);
    // A driver that has not begun yet would not know which cell is meant.
    await cell.begun;
    if (this.cell === cell && !this.known) await this.interpreter.interrupt();
  }

  /** Asks the driver for a sign of life, over the next line that there is. A line break ends what was half sent. */
  private ask(): void {
    const { interpreter } = this;
    const id = ++this.nextId;
    overAnyLine(this.session.sandbox, this.session.ended, () => interpreter.send(`\nping ${id}`)).catch(
      (error: unknown) => {
        this.logger.debug({ message: 'a context could not be asked', contextId: this.id, error });
        this.cell?.fail(answerLost());
      },
    );
  }

  private notWanted({ reason }: AbortSignal, hasRun: boolean): DomainError {
    return this.session.endReason === undefined ? cancelled(reason, hasRun) : sessionEnded(this.session);
  }
}
