import { IsIn, IsInt, IsOptional, Min } from 'class-validator';
import { isUtf8 } from 'node:buffer';

import { wholeCharacters } from '#libs/runtime';

import { type Command, type CommandContext, CommandFailure, CommandHandler } from '../command-handler.js';
import { IsPath } from '../fields.js';
import { CommandsOptions } from '../options.js';
import { type Encoding, ENCODINGS } from './content.js';

export class ReadFileParams {
  @IsPath()
  path: string;

  /** `utf8` refuses bytes that are not text; the last character is never cut. */
  @IsOptional()
  @IsIn(ENCODINGS)
  encoding: Encoding = 'utf8';

  /** Bytes to skip. */
  @IsOptional()
  @IsInt()
  @Min(0)
  offset = 0;

  /** Bytes to read; the server's own limit where absent or larger, and then `truncated` says so. */
  @IsOptional()
  @IsInt()
  @Min(0)
  length?: number;
}

@CommandHandler({
  type: 'read_file',
  params: ReadFileParams,
  summary: 'Reads a file or a range of it; truncated tells that the file goes on behind what was read.',
})
export class ReadFileCommand implements Command<ReadFileParams> {
  constructor(private readonly options: CommandsOptions) {}

  async execute({ path, encoding, offset, length }: ReadFileParams, context: CommandContext) {
    const wanted = Math.min(length ?? this.options.maxReadBytes, this.options.maxReadBytes);
    const read = await context.session.sandbox.agent.readFile(path, { offset, length: wanted }, context);
    const goesOn = offset + read.content.length < read.size;
    const content =
      encoding === 'utf8' && goesOn ? read.content.subarray(0, wholeCharacters(read.content)) : read.content;
    if (encoding === 'utf8' && !isUtf8(content)) {
      throw new CommandFailure('not_utf8', `${read.path} is not UTF-8 text here; read it with encoding "base64".`);
    }
    return {
      path: read.path,
      content: content.toString(encoding),
      bytes: content.length,
      encoding,
      truncated: offset + content.length < read.size,
      size: read.size,
    };
  }
}
