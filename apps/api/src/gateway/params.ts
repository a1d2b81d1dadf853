import { applyDecorators } from '@nestjs/common';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';
import { Type } from 'class-transformer';

import { IsArgument, IsEnvironment, IsPath, IsTimeoutMs, IsWellFormed } from '#libs/commands';

import { IsLabels } from './labels.js';

const MAX_NAME_LENGTH = 256;
const MAX_PAGE = 1_000;
const MIN_MEMORY_MB = 6;
/** The agent has the same limit, and needs some for itself and three for every command that runs. */
const MIN_OPEN_FILES = 64;
/** The engine's own bounds of CpuShares. */
const MIN_CPU_SHARES = 2;
const MAX_CPU_SHARES = 262_144;
/** A hundredth of a minute: below it an idle session would end before it can be used. */
const MIN_MINUTES = 0.01;

const IsMinutes = (): PropertyDecorator => applyDecorators(IsOptional(), IsNumber(), Min(MIN_MINUTES));

export class InitializeParams {
  @IsOptional()
  @IsObject()
  clientInfo?: object;

  @IsOptional()
  @IsString()
  protocolVersion?: string;

  @IsOptional()
  @IsObject()
  capabilities?: object;
}

export class SessionIdParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_NAME_LENGTH)
  sessionId: string;
}

export class CreateSessionParams {
  /** A name or alias from language.list. */
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_NAME_LENGTH)
  language: string;

  @IsMinutes()
  idleTimeoutMinutes?: number;

  @IsMinutes()
  maxLifetimeMinutes?: number;

  @IsOptional()
  @IsInt()
  @Min(MIN_MEMORY_MB)
  memoryLimitMB?: number;

  @IsOptional()
  @IsNumber()
  @Min(0.01)
  cpuLimit?: number;

  @IsOptional()
  @IsInt()
  @Min(MIN_CPU_SHARES)
  @Max(MAX_CPU_SHARES)
  cpuShares?: number;

  @IsOptional()
  @IsInt()
  @Min(1)
  pidsLimit?: number;

  /** File descriptors that one process may have open; a program that raises its own limit gets up to 4,096. */
  @IsOptional()
  @IsInt()
  @Min(MIN_OPEN_FILES)
  openFilesLimit?: number;

  /** Size of /workspace. */
  @IsOptional()
  @IsInt()
  @Min(1)
  diskLimitMB?: number;

  /** Size of /tmp. */
  @IsOptional()
  @IsInt()
  @Min(1)
  tmpLimitMB?: number;

  @IsOptional()
  @IsIn(['none'])
  network?: 'none';

  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_NAME_LENGTH)
  dockerImage?: string;

  @IsOptional()
  @IsEnvironment()
  env?: Record<string, string>;

  @IsOptional()
  @IsLabels()
  labels?: Record<string, string>;

  @IsOptional()
  @IsString()
  @MaxLength(MAX_NAME_LENGTH)
  name?: string;

  /** How long to wait where there are too many sessions, or too many being made. */
  @IsOptional()
  @IsInt()
  @Min(0)
  maxWaitMs?: number;
}

export class ExecuteParams extends SessionIdParams {
  /** `type` and the fields of that type; which they are, the handler of the type checks. */
  @IsObject()
  command: object;

  /** Sends session.output notifications while the command runs. */
  @IsOptional()
  @IsBoolean()
  stream = false;

  /** Lets the command run to its own end when the socket is lost; nobody is then told of its result. */
  @IsOptional()
  @IsBoolean()
  detach = false;

  @IsTimeoutMs()
  timeoutMs?: number;
}

export class ListSessionsParams {
  @IsOptional()
  @IsString()
  language?: string;

  @IsOptional()
  @IsIn(['Active', 'Idle'])
  state?: 'Active' | 'Idle';

  /** Sessions that have all of these. */
  @IsOptional()
  @IsLabels()
  labels?: Record<string, string>;

  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit = 100;

  /** `nextCursor` of the answer before. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_NAME_LENGTH)
  cursor?: string;
}

export class ExtendSessionParams extends SessionIdParams {
  @IsMinutes()
  idleTimeoutMinutes?: number;

  @IsMinutes()
  maxLifetimeMinutes?: number;
}

export class ExecutionFile {
  @IsPath()
  path: string;

  @IsWellFormed()
  content: string;

  @IsOptional()
  @IsIn(['utf8', 'base64'])
  encoding: 'utf8' | 'base64' = 'utf8';
}

export class RunExecutionParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_NAME_LENGTH)
  language: string;

  @IsWellFormed()
  code: string;

  @IsOptional()
  @IsWellFormed()
  stdin?: string;

  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  @IsArgument({ each: true })
  args: string[] = [];

  /** Written before the code runs. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1_000)
  @ValidateNested({ each: true })
  @Type(() => ExecutionFile)
  files: ExecutionFile[] = [];

  /** Seconds. */
  @IsOptional()
  @IsNumber()
  @Min(0.001)
  timeout = 30;

  /** CPU time of all that the code starts together; beyond it, the end is `cpu_exceeded`. */
  @IsTimeoutMs()
  cpuTimeMs?: number;

  /** MB. */
  @IsOptional()
  @IsInt()
  @Min(MIN_MEMORY_MB)
  memoryLimit?: number;

  @IsOptional()
  @IsNumber()
  @Min(0.01)
  cpuLimit?: number;

  /** Needs a network, which sandboxes do not have: anything but an empty list is refused. */
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(0, { message: 'packages cannot be installed: sandboxes have no network' })
  packages?: string[];

  /** Answers at once; the result is told by execution.status and by execution.completed. */
  @IsOptional()
  @IsBoolean()
  async = false;
}

export class ExecutionIdParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_NAME_LENGTH)
  executionId: string;
}
