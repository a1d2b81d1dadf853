import { ArrayMaxSize, IsArray, IsOptional, IsString } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsArgument, IsEnvironment, IsPath, IsProgramName, IsTimeoutMs } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { runProgram } from '../run-program.js';

export const MAX_ARGS = 10_000;

const WORKSPACE = '/workspace';

export class ExecuteShellParams {
  /** The program: looked up in PATH, or a path. No shell reads it. */
  @IsProgramName()
  commandName: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ARGS)
  @IsString({ each: true })
  @IsArgument({ each: true })
  args: string[] = [];

  @IsOptional()
  @IsPath()
  workingDirectory = WORKSPACE;

  @IsOptional()
  @IsEnvironment()
  env?: Record<string, string>;

  /** What the program reads; without it, it reads an end of file at once. */
  @IsOptional()
  @IsString()
  stdin?: string;

  @IsTimeoutMs()
  timeoutMs?: number;
}

@CommandHandler({
  type: 'execute_shell',
  aliases: ['shell'],
  params: ExecuteShellParams,
  fieldAliases: { command: 'commandName' },
  summary: 'Runs a program with arguments as they are given, without a shell.',
})
export class ExecuteShellCommand implements Command<ExecuteShellParams> {
  constructor(private readonly options: CommandsOptions) {}

  async execute(params: ExecuteShellParams, context: CommandContext) {
    const { commandName, args, workingDirectory, env, stdin } = params;
    const program = {
      args: [commandName, ...args],
      cwd: workingDirectory.startsWith('/') ? workingDirectory : `${WORKSPACE}/${workingDirectory}`,
      timeoutMs: context.timeoutMs,
      ...(env ? { env } : {}),
      ...(stdin === undefined ? {} : { stdin }),
    };
    return runProgram(program, context, this.options);
  }
}
