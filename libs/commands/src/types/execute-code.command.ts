import { IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';
import { randomBytes } from 'node:crypto';

import { type CellResult, ContextsService } from '#libs/contexts';
import { AgentError, ChannelLostError, findLanguage, type CodePaths, type Toolchain } from '#libs/runtime';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { CommandsOptions } from '../options.js';
import { ProgramParams, type RunLimits, runLimits } from '../program-params.js';
import { IsWellFormed } from '../fields.js';
import { runProgram, type RunResult } from '../run-program.js';
import { executeInContext } from './execute-in-context.js';

const MAX_ID_LENGTH = 64;

export class ExecuteCodeParams extends ProgramParams {
  @IsWellFormed()
  code: string;

  /** The session's language where absent; another name of the same image, such as `typescript`, is another toolchain. */
  @IsOptional()
  @IsString()
  language?: string;

  /** Runs the code in this context, as context.execute does; then only code and timeoutMs may stand beside it. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_ID_LENGTH)
  contextId?: string;
}

@CommandHandler({
  type: 'execute_code',
  aliases: ['execute'],
  params: ExecuteCodeParams,
  summary: 'Writes code to a file, builds it where its language needs that, and runs it.',
})
export class ExecuteCodeCommand implements Command<ExecuteCodeParams> {
  constructor(
    private readonly options: CommandsOptions,
    private readonly contexts: ContextsService,
  ) {}

  async execute(params: ExecuteCodeParams, context: CommandContext): Promise<RunResult | CellResult> {
    if (params.contextId !== undefined) return executeInContext(this.contexts, params, params.contextId, context);
    const toolchain = toolchainOf(params, context);
    const limits = runLimits(params, this.options);
    const { agent } = context.session.sandbox;
    const deadline = performance.now() + context.timeoutMs;
    const paths = codePaths(toolchain);
    const write = { mode: 'create_new', parents: true } as const;
    await agent.writeFile(paths.source, Buffer.from(params.code), write, context);
    try {
      const built = toolchain.build && (await this.build(toolchain.build(paths), paths, limits, context));
      if (built && built.exitCode !== 0) return built;
      return await runProgram(
        {
          args: [...toolchain.run(paths), ...params.args],
          cwd: '/workspace',
          timeoutMs: Math.max(1, Math.ceil(deadline - performance.now())),
          ...(params.stdin === undefined ? {} : { stdin: params.stdin }),
          ...remaining(limits, built),
        },
        context,
        this.options,
      );
    } finally {
      await this.tidy(toolchain.inWorkspace ? paths.source : paths.directory, context);
    }
  }

  /** A compiler's exit code other than 0 is the result: the program never ran, and its diagnostics say why. */
  private build(
    args: readonly string[],
    { directory }: CodePaths,
    limits: RunLimits,
    context: CommandContext,
  ): Promise<RunResult> {
    // What a compiler that is killed leaves lying about goes with the run's own directory.
    const env = { TMPDIR: directory };
    const program = { args, cwd: '/workspace', env, timeoutMs: context.timeoutMs, ...limits };
    return runProgram({ ...program, phase: 'build' }, context, this.options);
  }

  /** Not bound to the caller's signal: a cancelled run leaves no files either. */
  private async tidy(path: string, { session }: CommandContext): Promise<void> {
    if (session.endReason !== undefined) return;
    await session.sandbox.agent.deleteFile(path, true).catch((error: unknown) => {
      // The program may have deleted it, or the sandbox may be gone: the run's own end is what counts.
      if (!(error instanceof AgentError || error instanceof ChannelLostError)) throw error;
    });
  }
}

/** Building and running share the CPU time, as they share the timeout. */
function remaining(limits: RunLimits, built: RunResult | undefined): RunLimits {
  if (limits.cpuTimeMs === undefined || !built) return limits;
  return { ...limits, cpuTimeMs: Math.max(1, limits.cpuTimeMs - built.cpuMs) };
}

function toolchainOf(params: ExecuteCodeParams, { session }: CommandContext): Toolchain {
  const { language, requestedLanguage } = session.identity;
  const wanted = params.language ?? requestedLanguage;
  if (findLanguage(wanted)?.name === language.name) return language.toolchain(wanted.toLowerCase());
  throw new CommandFailure(
    'unsupported_language',
    `This session runs ${language.name}; make another session for ${JSON.stringify(wanted)}.`,
  );
}

/** A name of its own for every run: no file of the client's is overwritten, and runs at the same time do not meet. */
function codePaths(toolchain: Toolchain): CodePaths {
  const id = randomBytes(6).toString('hex');
  const directory = `/tmp/run-${id}`;
  const extension = toolchain.file.slice(toolchain.file.lastIndexOf('.'));
  return {
    directory,
    source: toolchain.inWorkspace ? `/workspace/.run-${id}${extension}` : `${directory}/${toolchain.file}`,
  };
}
