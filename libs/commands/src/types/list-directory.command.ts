import { IsBoolean, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';

import { type Command, type CommandContext, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';

const MAX_LIMIT = 10_000;
const DEFAULT_LIMIT = 1_000;
const MAX_PATTERN_LENGTH = 1_024;
const MAX_CURSOR_LENGTH = 16_384;

export class ListDirectoryParams {
  @IsOptional()
  @IsPath()
  path = '/workspace';

  @IsOptional()
  @IsBoolean()
  recursive = false;

  /** Glob on the name, or, where it holds a slash, on the path below `path`; `**` matches any directories. `[` begins a set. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_PATTERN_LENGTH)
  pattern?: string;

  @IsOptional()
  @IsBoolean()
  includeHidden = false;

  @IsOptional()
  @IsInt()
  @Min(1)
  maxDepth?: number;

  /** Entries in one answer. */
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_LIMIT)
  limit = DEFAULT_LIMIT;

  /** `nextCursor` of the answer before, with the same path and options. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_CURSOR_LENGTH)
  cursor?: string;
}

@CommandHandler({
  type: 'list_directory',
  aliases: ['list_files'],
  params: ListDirectoryParams,
  summary: 'Lists a directory in the order of names, a page at a time.',
})
export class ListDirectoryCommand implements Command<ListDirectoryParams> {
  async execute({ path, ...options }: ListDirectoryParams, context: CommandContext) {
    return context.session.sandbox.agent.listDirectory(path, options, context);
  }
}
