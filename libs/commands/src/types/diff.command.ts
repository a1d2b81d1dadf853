import { IsInt, IsOptional, Max, Min } from 'class-validator';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { IsPath, IsTimeoutMs, IsWellFormed } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { runProgram } from '../run-program.js';

const HEADER_LINES = 2;

export class DiffParams {
  /** The old file. */
  @IsPath()
  sourcePath: string;

  /** The new file; or else `content`. */
  @IsOptional()
  @IsPath()
  destinationPath?: string;

  /** What the source is compared with where there is no destinationPath. */
  @IsOptional()
  @IsWellFormed()
  content?: string;

  /** Unchanged lines around each change. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000)
  contextLines = 3;

  @IsTimeoutMs()
  timeoutMs?: number;
}

@CommandHandler({
  type: 'diff',
  params: DiffParams,
  fieldAliases: { source: 'sourcePath', destination: 'destinationPath' },
  summary: 'Compares two files, or a file with a text, as a unified diff; apply_patch takes it.',
})
export class DiffCommand implements Command<DiffParams> {
  constructor(private readonly options: CommandsOptions) {}

  /** By the sandbox's own `diff`: what two hostile files cost is the session's, and not the server's. */
  async execute({ sourcePath, destinationPath, content, contextLines }: DiffParams, context: CommandContext) {
    if (destinationPath !== undefined && content !== undefined) {
      throw new CommandFailure('bad_request', 'Give destinationPath or content, not both.');
    }
    if (destinationPath === undefined && content === undefined) {
      throw new CommandFailure('bad_request', 'Either destinationPath or content must be given.');
    }
    await refuseOthersThanFiles([sourcePath, destinationPath], context);
    const name = relative(sourcePath);
    const labels = [
      `--label=a/${name}`,
      `--label=b/${destinationPath === undefined ? name : relative(destinationPath)}`,
    ];
    const program = {
      args: [
        'diff',
        `-U${contextLines}`,
        ...labels,
        '--',
        named(sourcePath),
        destinationPath === undefined ? '-' : named(destinationPath),
      ],
      cwd: '/workspace',
      timeoutMs: context.timeoutMs,
      ...(content === undefined ? {} : { stdin: content }),
    };
    const { onOutput: _notStreamed, ...quiet } = context;
    const result = await runProgram(program, quiet, this.options);
    const { exitCode, stdout, stdoutBase64, stderr, truncated } = result;
    if (exitCode !== 0 && exitCode !== 1) {
      const words = (stderr || stdout).trim();
      throw new CommandFailure('diff_failed', words === '' ? 'The files could not be compared.' : words, result);
    }
    if (truncated) throw new CommandFailure('too_large', 'The difference is larger than a reply may be.');
    if (stdoutBase64 !== undefined) throw new CommandFailure('not_text', 'The files are not UTF-8 text.');
    const lines = stdout.split('\n').slice(HEADER_LINES);
    return {
      sourcePath,
      ...(destinationPath === undefined ? {} : { destinationPath }),
      diff: stdout,
      addedLines: lines.filter((line) => line.startsWith('+')).length,
      removedLines: lines.filter((line) => line.startsWith('-')).length,
      identical: exitCode === 0,
    };
  }
}

/** Of a directory `diff` takes what lies in it, and of a device it reads without an end. */
async function refuseOthersThanFiles(paths: readonly (string | undefined)[], context: CommandContext): Promise<void> {
  for (const path of paths) {
    if (path !== undefined) await context.session.sandbox.agent.readFile(path, { length: 1 }, context);
  }
}

/** A lone minus would be the standard input. */
function named(path: string): string {
  return path === '-' ? './-' : path;
}

/** As apply_patch will find it again. */
function relative(path: string): string {
  return path.replace(/^\/workspace\//, '').replace(/^\/+/, '');
}
