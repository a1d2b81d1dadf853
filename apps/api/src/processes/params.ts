import { applyDecorators } from '@nestjs/common';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

import {
  type Encoding,
  ENCODINGS,
  IsArgument,
  IsEnvironment,
  IsOutputLimit,
  IsPath,
  IsProgramName,
  IsTimeoutMs,
  IsWellFormed,
} from '#libs/commands';

import { SessionIdParams } from '../gateway/params.js';

const MAX_ARGS = 10_000;
const MAX_ID_LENGTH = 64;
/** As the kernel keeps them. */
const MAX_TERMINAL_SIZE = 65_535;

const IsTerminalSize = (): PropertyDecorator => applyDecorators(IsInt(), Min(1), Max(MAX_TERMINAL_SIZE));

export class TerminalSizeParams {
  @IsTerminalSize()
  cols: number;

  @IsTerminalSize()
  rows: number;
}

export class TerminalParams extends TerminalSizeParams {
  /** TERM of the program; by default xterm-256color. */
  @IsOptional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$/, { message: 'term must be the name of a terminal' })
  term?: string;
}

export class StartProcessParams extends SessionIdParams {
  /** The program: looked up in PATH, or a path. No shell reads it. */
  @IsProgramName()
  commandName: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_ARGS)
  @IsString({ each: true })
  @IsArgument({ each: true })
  args: string[] = [];

  @IsOptional()
  @IsEnvironment()
  env?: Record<string, string>;

  @IsOptional()
  @IsPath()
  workingDirectory = '/workspace';

  /** Gives the program a terminal; its output is then all stdout. */
  @IsOptional()
  @ValidateNested()
  @Type(() => TerminalParams)
  pty?: TerminalParams;

  /** `closed` unless there is a terminal. */
  @IsOptional()
  @IsIn(['open', 'closed'])
  stdin?: 'open' | 'closed';

  /** Sends process.output and process.exited to this connection, from the first byte on. */
  @IsOptional()
  @IsBoolean()
  attach = true;

  /** At most MAX_TIMEOUT_MS. Where it is left out, the program may run as long as its session lives. */
  @IsTimeoutMs()
  timeoutMs?: number;

  /** CPU time of all that the program starts together; beyond it, the end is `cpu_exceeded`. */
  @IsTimeoutMs()
  cpuTimeMs?: number;

  /** Bytes of both streams together, beyond which the end is `output_limit`; at most OUTPUT_LIMIT_BYTES, and by default. */
  @IsOutputLimit()
  outputLimitBytes?: number;
}

export class ProcessIdParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_ID_LENGTH)
  processId: string;
}

export class WriteProcessParams extends ProcessIdParams {
  @IsWellFormed()
  data: string;

  @IsOptional()
  @IsIn(ENCODINGS)
  encoding: Encoding = 'utf8';
}

export class ResizeProcessParams extends ProcessIdParams {
  @IsTerminalSize()
  cols: number;

  @IsTerminalSize()
  rows: number;
}

export class SignalProcessParams extends ProcessIdParams {
  /** Its name, such as SIGINT. */
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_ID_LENGTH)
  signal: string;

  /** The program's process group, or the program alone. */
  @IsOptional()
  @IsIn(['group', 'leader'])
  target: 'group' | 'leader' = 'group';
}

export class AttachProcessParams extends ProcessIdParams {
  /** The first chunk that is wanted: one more than the `seq` that was seen last. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(Number.MAX_SAFE_INTEGER)
  fromSeq = 0;
}
