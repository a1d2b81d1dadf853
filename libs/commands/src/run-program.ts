import { randomBytes } from 'node:crypto';
import { isUtf8 } from 'node:buffer';

import {
  ChannelLostError,
  type EndReason,
  FrameTooLargeError,
  KeptOutput,
  type LimitName,
  type ProcessEnd,
} from '#libs/runtime';
import { programEnv } from '#libs/sessions';

import { type CommandContext, CommandFailure } from './command-handler.js';
import type { CommandsOptions } from './options.js';
import { endSentence } from './end-sentence.js';

export interface Program {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly timeoutMs: number;
  /** CPU time of all its processes together; without it, only timeoutMs bounds that. */
  readonly cpuTimeMs?: number;
  /** The server's own limit where absent. */
  readonly outputLimitBytes?: number;
  /** `build` for what only makes the program that the client wants to run. */
  readonly phase?: 'build';
}

/** A run's result as API.md has it. */
export interface RunResult {
  readonly processId: string;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly endReason: EndReason;
  readonly stdout: string;
  readonly stderr: string;
  /** The exact bytes, present where a stream is not UTF-8 and its text above therefore not exact. */
  readonly stdoutBase64?: string;
  readonly stderrBase64?: string;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly maxRssBytes: number;
  readonly oomKills: number;
  readonly leftoversKilled: number;
  /** Limits that are known to have been reached while it ran, whether or not they ended it. */
  readonly limitsHit: readonly LimitName[];
  /** Which of /workspace, /tmp and /dev/shm had no room left at its end; absent where all had. */
  readonly fullDisks?: readonly string[];
  readonly kind?: string;
  /** `build` when it is the compiler's end that is told, because the program was never run. */
  readonly phase?: 'build';
}

/**
 * Runs a program in the session to its end.
 * @throws CommandFailure with the result, for every end but `exited`
 */
export async function runProgram(
  program: Program,
  context: CommandContext,
  options: CommandsOptions,
): Promise<RunResult> {
  const { session, signal, onOutput, detached } = context;
  const processId = `p_${randomBytes(9).toString('base64url')}`;
  const output = { stdout: new KeptOutput(options.keptOutputBytes), stderr: new KeptOutput(options.keptOutputBytes) };
  const startedAt = new Date();
  let end: ProcessEnd;
  try {
    end = await session.sandbox.agent.run(
      {
        processId,
        args: program.args,
        cwd: program.cwd,
        env: programEnv(session, program.env),
        timeoutMs: program.timeoutMs,
        ...(program.cpuTimeMs === undefined ? {} : { cpuTimeMs: program.cpuTimeMs }),
        outputLimitBytes: program.outputLimitBytes ?? options.outputLimitBytes,
        // With nobody listening, what no reply can hold need not leave the sandbox.
        ...(onOutput ? {} : { forwardBytes: options.keptOutputBytes }),
        ...(detached ? { detached } : {}),
      },
      {
        ...(program.stdin === undefined ? {} : { stdin: Buffer.from(program.stdin) }),
        signal,
        onOutput: (chunk) => {
          output[chunk.stream].add(chunk.data);
          return onOutput?.(processId, chunk);
        },
      },
    );
  } catch (error) {
    if (error instanceof FrameTooLargeError) throw argsTooLong(processId, startedAt, output);
    if (!(error instanceof ChannelLostError)) throw error;
    // Only a sandbox that is known to be gone has ended the program.
    if (await session.sandbox.ready().catch(() => true)) throw new RunInterruptedError(error, output);
    end = unseenEnd('container_lost', startedAt, output);
  }
  const result = { ...toResult(processId, end, output), ...(program.phase ? { phase: program.phase } : {}) };
  // A session that ends cancels its commands: to their callers that is a kill, not a wish of theirs.
  const endReason = end.endReason === 'cancelled' && session.endReason !== undefined ? 'killed' : end.endReason;
  if (endReason === 'exited') return result;
  const limit = limitBehind(endReason, program, context, options);
  const explained = { ...end, endReason, ...(limit === undefined ? {} : { limit }) };
  throw new CommandFailure(endReason, endSentence(explained, program.phase), { ...result, endReason });
}

/** Nobody saw the end of a program; what it wrote until then is not lost. */
export class RunInterruptedError extends ChannelLostError {
  readonly output: { stdout: string; stderr: string; stdoutBytes: number; stderrBytes: number };

  constructor(cause: ChannelLostError, { stdout, stderr }: Output) {
    super(cause.message);
    this.cause = cause;
    this.output = {
      stdout: stdout.bytes(true).toString(),
      stderr: stderr.bytes(true).toString(),
      stdoutBytes: stdout.total,
      stderrBytes: stderr.total,
    };
  }
}

interface Output {
  readonly stdout: KeptOutput;
  readonly stderr: KeptOutput;
}

function toResult(processId: string, end: ProcessEnd, output: Output): RunResult {
  const out = output.stdout.bytes(end.stdoutBytes > output.stdout.total || output.stdout.truncated);
  const err = output.stderr.bytes(end.stderrBytes > output.stderr.total || output.stderr.truncated);
  return {
    processId,
    exitCode: end.exitCode,
    signal: end.signal,
    endReason: end.endReason,
    stdout: out.toString(),
    stderr: err.toString(),
    ...(isUtf8(out) ? {} : { stdoutBase64: out.toString('base64') }),
    ...(isUtf8(err) ? {} : { stderrBase64: err.toString('base64') }),
    stdoutBytes: end.stdoutBytes,
    stderrBytes: end.stderrBytes,
    truncated: end.truncated || output.stdout.truncated || output.stderr.truncated,
    durationMs: end.durationMs,
    cpuMs: end.cpuMs,
    maxRssBytes: end.maxRssBytes,
    oomKills: end.oomKills,
    leftoversKilled: end.leftoversKilled,
    limitsHit: end.limitsHit ?? [],
    ...(end.fullDisks === undefined ? {} : { fullDisks: end.fullDisks }),
    ...(end.kind === undefined ? {} : { kind: end.kind }),
  };
}

function argsTooLong(processId: string, startedAt: Date, output: Output): CommandFailure {
  const end = { ...unseenEnd('spawn_failed', startedAt, output), kind: 'args_too_long' };
  const message = 'The arguments and the environment are too long together; write them to a file instead.';
  return new CommandFailure('spawn_failed', message, toResult(processId, end, output));
}

/** The end of a program that no agent can tell of. */
function unseenEnd(endReason: EndReason, startedAt: Date, output: Output): ProcessEnd {
  return {
    endReason,
    exitCode: null,
    signal: null,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    cpuMs: 0,
    maxRssBytes: 0,
    stdoutBytes: output.stdout.total,
    stderrBytes: output.stderr.total,
    truncated: false,
    oomKills: 0,
    leftoversKilled: 0,
  };
}

/** What the client bounded it by: a build and its program share the command's time. */
function limitBehind(
  endReason: EndReason,
  program: Program,
  { timeoutMs }: CommandContext,
  { outputLimitBytes }: CommandsOptions,
): number | undefined {
  if (endReason === 'timed_out') return timeoutMs;
  if (endReason === 'cpu_exceeded') return program.cpuTimeMs;
  return endReason === 'output_limit' ? (program.outputLimitBytes ?? outputLimitBytes) : undefined;
}
