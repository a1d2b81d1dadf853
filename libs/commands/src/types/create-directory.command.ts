import { IsBoolean, IsOptional } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

export class CreateDirectoryParams {
  @IsPath()
  path: string;

  /** Makes missing parents too, and does not mind an existing directory. */
  @IsOptional()
  @IsBoolean()
  recursive = true;
}

@CommandHandler({
  type: 'create_directory',
  aliases: ['create_dir'],
  params: CreateDirectoryParams,
  summary: 'Makes a directory; created tells whether it was not there before.',
})
export class CreateDirectoryCommand implements Command<CreateDirectoryParams> {
  async execute({ path, recursive }: CreateDirectoryParams, context: CommandContext) {
    return context.session.sandbox.agent.createDirectory(path, recursive, context);
  }
}
