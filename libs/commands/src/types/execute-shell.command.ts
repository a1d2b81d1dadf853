import { IsOptional } from 'class-validator';

import { programDirectory } from '#libs/sessions';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsEnvironment, IsPath, IsProgramName } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { ProgramParams, runLimits } from '../program-params.js';
import { runProgram } from '../run-program.js';

const WORKSPACE = '/workspace';

export class ExecuteShellParams extends ProgramParams {
  /** The program: looked up in PATH, or a path. No shell reads it. */
  @IsProgramName()
  commandName: string;

  @IsOptional()
  @IsPath()
  workingDirectory = WORKSPACE;

  @IsOptional()
  @IsEnvironment()
  env?: Record<string, string>;
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
      cwd: programDirectory(workingDirectory),
      timeoutMs: context.timeoutMs,
      ...(env ? { env } : {}),
      ...(stdin === undefined ? {} : { stdin }),
      ...runLimits(params, this.options),
    };
    return runProgram(program, context, this.options);
  }
}
