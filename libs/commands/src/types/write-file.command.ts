import { IsIn, IsOptional } from 'class-validator';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { IsPath, IsWellFormed } from '../fields.js';
import { decodeContent, type Encoding, ENCODINGS } from './content.js';

const MODES = { Create: 'create', CreateNew: 'create_new', Append: 'append', Overwrite: 'overwrite' } as const;

export class WriteFileParams {
  /** Missing parent directories are made. */
  @IsPath()
  path: string;

  @IsWellFormed()
  content: string;

  /** `Create` makes or replaces; `CreateNew` refuses an existing file; `Overwrite` a missing one. */
  @IsOptional()
  @IsIn(Object.keys(MODES))
  mode: keyof typeof MODES = 'Create';

  @IsOptional()
  @IsIn(ENCODINGS)
  encoding: Encoding = 'utf8';
}

@CommandHandler({
  type: 'write_file',
  params: WriteFileParams,
  summary: 'Writes a file; a reader sees the old or the new content, never a part.',
})
export class WriteFileCommand implements Command<WriteFileParams> {
  async execute({ path, content, mode, encoding }: WriteFileParams, context: CommandContext) {
    const bytes = decodeContent(content, encoding);
    if (!bytes) throw new CommandFailure('invalid_base64', 'The content is not base64.');
    const options = { mode: MODES[mode], parents: mode !== 'Overwrite' };
    return context.session.sandbox.agent.writeFile(path, bytes, options, context);
  }
}
