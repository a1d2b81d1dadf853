import { Logger } from '@nestjs/common';

import { AgentError, type ChannelWords, ChannelLostError, type OutputChunk, type ProcessEnd } from '#libs/runtime';
import { overAnyLine, startWithin } from '#libs/processes';
import { programDirectory, programEnv, type Session } from '#libs/sessions';

import { type DriverMessage, LineReader, parseMessage } from './messages.js';

/** What the agent keeps of output that this server has not read yet; the program waits beyond it. */
export const KEEP_BYTES = 1_048_576;
/** What a line may have besides results: an error with its traceback. */
const LINE_SLACK_BYTES = 1_048_576;

export interface InterpreterEvents {
  message(message: DriverMessage, bytes: number): void;
  output(chunk: OutputChunk): void | Promise<void>;
  /** Some words on the channel are lost: what is waited for may never come. */
  gap(): void;
  /** The last event. */
  ended(end: ProcessEnd): void;
}

/** One driver as a process of its sandbox, which outlives this server, and the words on its channel. */
export class Interpreter {
  private readonly logger = new Logger(Interpreter.name);
  private readonly lines: LineReader;
  private readonly startedAt = Date.now();
  private reading = Promise.resolve();

  constructor(
    private readonly session: Session,
    readonly processId: string,
    private readonly events: InterpreterEvents,
    maxResultBytes: number,
    /** The next chunk that is due. */
    private nextSeq = 0,
  ) {
    this.lines = new LineReader(
      maxResultBytes + LINE_SLACK_BYTES,
      (line, bytes) => this.hear(line, bytes),
      () => void this.kill().catch((error: unknown) => this.logger.debug(error)),
    );
  }

  /** Resolves when it runs. @throws AgentError spawn_failed, RuntimeError sandbox_silent */
  async start(args: readonly string[]): Promise<void> {
    await startWithin(this.session, {
      processId: this.processId,
      args,
      env: programEnv(this.session),
      cwd: programDirectory(),
      stdin: 'closed',
      channel: true,
      keepBytes: KEEP_BYTES,
    });
  }

  /** Reads to the end, over every line that the sandbox gets meanwhile. To be called once. */
  read(): void {
    this.reading = this.readToEnd();
  }

  /** @throws ChannelLostError when it is not known whether all of it has arrived */
  async send(line: string): Promise<void> {
    const { processes } = this.session.sandbox.agent;
    await processes.write(this.processId, Buffer.from(`${line}\n`), { channel: true });
  }

  /** Ctrl-C: to the interpreter and to what it has started. */
  async interrupt(): Promise<void> {
    await this.unlessEnded(() => this.session.sandbox.agent.processes.signal(this.processId, 'SIGINT', 'group'));
  }

  /** Resolves when nothing of it is left. */
  async kill(): Promise<void> {
    await this.unlessEnded(async () => void (await this.session.sandbox.agent.kill(this.processId)));
  }

  /** After its end: makes the agent forget it, so that no later server takes it up. */
  async release(): Promise<void> {
    await this.unlessEnded(async () => {
      await this.reading;
      await this.session.sandbox.agent.processes.release(this.processId);
    });
  }

  private async readToEnd(): Promise<void> {
    const { sandbox } = this.session;
    try {
      this.events.ended((await overAnyLine(sandbox, undefined, () => this.attach())) ?? this.unseenEnd());
    } catch (error) {
      // The server lets go of its sandboxes, and another one goes on; or the agent has forgotten it.
      if (error instanceof ChannelLostError) {
        this.logger.debug({ message: 'a context is let go', processId: this.processId, error });
      } else {
        this.events.ended(this.unseenEnd());
      }
    }
  }

  private attach(): Promise<ProcessEnd> {
    return this.session.sandbox.agent.processes.attach(this.processId, this.nextSeq, {
      // A line that ends is the only end but its own.
      signal: new AbortController().signal,
      onGap: ({ nextSeq }) => {
        this.nextSeq = nextSeq;
        this.lines.reset();
        this.events.gap();
      },
      onOutput: (chunk) => {
        this.nextSeq = chunk.seq + 1;
        return this.events.output(chunk);
      },
      onChannel: ({ seq, data }: ChannelWords) => {
        this.nextSeq = seq + 1;
        this.lines.push(data);
      },
    });
  }

  private hear(line: string, bytes: number): void {
    const message = parseMessage(line);
    if (message) this.events.message(message, bytes);
    else this.logger.debug({ message: 'words on a channel that are no message', processId: this.processId, bytes });
  }

  private async unlessEnded(ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      const isOver =
        error instanceof AgentError && (error.code === 'process_ended' || error.code === 'process_not_found');
      const isGone = error instanceof ChannelLostError && !(await this.session.sandbox.ready());
      if (!isOver && !isGone) throw error;
    }
  }

  /** Its end where no agent can tell of it: what its session's end says. */
  private unseenEnd(): ProcessEnd {
    const { endReason } = this.session;
    const isLost = endReason === undefined || endReason === 'container_lost';
    return {
      endReason: isLost ? 'container_lost' : endReason === 'out_of_memory' ? 'out_of_memory' : 'killed',
      exitCode: null,
      signal: null,
      startedAt: new Date(this.startedAt).toISOString(),
      durationMs: Date.now() - this.startedAt,
      cpuMs: 0,
      maxRssBytes: 0,
      stdoutBytes: 0,
      stderrBytes: 0,
      truncated: false,
      oomKills: 0,
      leftoversKilled: 0,
    };
  }
}
