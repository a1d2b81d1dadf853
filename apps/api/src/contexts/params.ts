import { IsBoolean, IsNotEmpty, IsOptional, IsString, MaxLength } from 'class-validator';

import { IsTimeoutMs, IsWellFormed } from '#libs/commands';

import { SessionIdParams } from '../gateway/params.js';

const MAX_ID_LENGTH = 64;

export class CreateContextParams extends SessionIdParams {
  /** A name of the session's language, such as `typescript` in a session of `nodejs`; else the session's own. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_ID_LENGTH)
  language?: string;
}

export class ContextIdParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_ID_LENGTH)
  contextId: string;
}

export class ExecuteInContextParams extends ContextIdParams {
  @IsWellFormed()
  code: string;

  /** Sends context.output notifications while the code runs. */
  @IsOptional()
  @IsBoolean()
  stream = false;

  /** Of the run itself, not of waiting for the cells before it. Default 30 s. */
  @IsTimeoutMs()
  timeoutMs?: number;
}
