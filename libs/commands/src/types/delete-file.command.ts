import { IsBoolean, IsOptional } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

export class DeleteFileParams {
  @IsPath()
  path: string;

  /** Needed for a directory with anything in it. */
  @IsOptional()
  @IsBoolean()
  recursive = false;
}

@CommandHandler({
  type: 'delete_file',
  params: DeleteFileParams,
  summary: 'Deletes a file, or a tree with recursive; a link is removed, never followed.',
})
export class DeleteFileCommand implements Command<DeleteFileParams> {
  async execute({ path, recursive }: DeleteFileParams, context: CommandContext) {
    return context.session.sandbox.agent.deleteFile(path, recursive, context);
  }
}
