import { ArrayMaxSize, IsArray, IsOptional, IsString } from 'class-validator';

import { requireWithin } from '#libs/sessions';

import { IsArgument, IsOutputLimit, IsTimeoutMs, IsWellFormed } from './fields.js';
import type { CommandsOptions } from './options.js';

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

  /** CPU time of all that the command starts together; beyond it, the end is `cpu_exceeded`. */
  @IsTimeoutMs()
  cpuTimeMs?: number;

  /** Bytes of both output streams together, beyond which the end is `output_limit`; at most the server's own limit. */
  @IsOutputLimit()
  outputLimitBytes?: number;
}

/** What a caller bounds its program by besides the time. */
export interface RunLimits {
  readonly cpuTimeMs?: number;
  readonly outputLimitBytes: number;
}

type AskedLimits = Pick<ProgramParams, 'cpuTimeMs' | 'outputLimitBytes'>;

/**
 * What is asked for, with the server's own bound of output where nothing is.
 * @throws DomainError quota_exceeded where more output is asked for than the server gives
 */
export function runLimits({ cpuTimeMs, outputLimitBytes }: AskedLimits, options: CommandsOptions): RunLimits {
  const limit = options.outputLimitBytes;
  if (outputLimitBytes !== undefined) requireWithin('outputLimitBytes', outputLimitBytes, limit);
  return { ...(cpuTimeMs === undefined ? {} : { cpuTimeMs }), outputLimitBytes: outputLimitBytes ?? limit };
}
