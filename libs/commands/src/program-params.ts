import { ArrayMaxSize, IsArray, IsOptional, IsString } from 'class-validator';

import { IsArgument, IsTimeoutMs, IsWellFormed } from './fields.js';

const MAX_ARGS = 10_000;

/** What every command that runs a program may be given. */
export class ProgramParams {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ARGS)
  @IsString({ each: true })
  @IsArgument({ each: true })
  args: string[] = [];

  /** What the program reads; without it, it reads an end of file at once. */
  @IsOptional()
  @IsWellFormed()
  stdin?: string;

  @IsTimeoutMs()
  timeoutMs?: number;
}
