import { IsBoolean, IsOptional } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

export class CopyFileParams {
  @IsPath()
  sourcePath: string;

  @IsPath()
  destinationPath: string;

  @IsOptional()
  @IsBoolean()
  overwrite = true;

  /** Needed for a directory. */
  @IsOptional()
  @IsBoolean()
  recursive = false;
}

@CommandHandler({
  type: 'copy_file',
  params: CopyFileParams,
  fieldAliases: { source: 'sourcePath', destination: 'destinationPath' },
  summary: 'Copies a file, or a tree with recursive.',
})
export class CopyFileCommand implements Command<CopyFileParams> {
  async execute(params: CopyFileParams, context: CommandContext) {
    const { sourcePath, destinationPath, overwrite, recursive } = params;
    const copied = await context.session.sandbox.agent.copyFile(
      sourcePath,
      destinationPath,
      { overwrite, recursive },
      context,
    );
    return { sourcePath: copied.source, destinationPath: copied.destination, bytes: copied.bytes };
  }
}
