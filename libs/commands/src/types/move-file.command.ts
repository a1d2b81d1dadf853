import { IsBoolean, IsOptional } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

export class MoveFileParams {
  @IsPath()
  sourcePath: string;

  @IsPath()
  destinationPath: string;

  @IsOptional()
  @IsBoolean()
  overwrite = true;
}

@CommandHandler({
  type: 'move_file',
  params: MoveFileParams,
  fieldAliases: { source: 'sourcePath', destination: 'destinationPath' },
  summary: 'Moves or renames a file or a directory.',
})
export class MoveFileCommand implements Command<MoveFileParams> {
  async execute({ sourcePath, destinationPath, overwrite }: MoveFileParams, context: CommandContext) {
    const moved = await context.session.sandbox.agent.moveFile(sourcePath, destinationPath, { overwrite }, context);
    return { sourcePath: moved.source, destinationPath: moved.destination };
  }
}
