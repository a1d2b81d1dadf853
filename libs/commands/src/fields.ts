import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import {
  IsInt,
  IsNotEmpty,
  IsObject,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  Validate,
  ValidatorConstraint,
  type ValidatorConstraintInterface,
} from 'class-validator';

/** Longer paths exist nowhere on Linux (PATH_MAX). */
const MAX_PATH_BYTES = 4_096;

@ValidatorConstraint({ name: 'isPath' })
class PathRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && value !== '' && isText(value) && Buffer.byteLength(value) <= MAX_PATH_BYTES;
  }

  defaultMessage(args?: { property: string }): string {
    return `${args?.property ?? 'path'} must be a path of 1 to ${MAX_PATH_BYTES} bytes without NUL`;
  }
}

@ValidatorConstraint({ name: 'isEnvironment' })
class EnvironmentRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return (
      typeof value === 'object' &&
      value !== null &&
      Object.entries(value).every(([name, text]) => /^[^=\0]+$/.test(name) && typeof text === 'string' && isText(text))
    );
  }

  defaultMessage(args?: { property: string }): string {
    return `${args?.property ?? 'env'} must map names without '=' to strings, none of them with NUL`;
  }
}

@ValidatorConstraint({ name: 'isArgument' })
class ArgumentRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && isText(value);
  }

  defaultMessage(args?: { property: string }): string {
    return `${args?.property ?? 'value'} must be text without NUL`;
  }
}

@ValidatorConstraint({ name: 'isWellFormed' })
class WellFormedRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && value.isWellFormed();
  }

  defaultMessage(args?: { property: string }): string {
    return `${args?.property ?? 'value'} must be text: half a surrogate pair has no bytes that could be written`;
  }
}

/** What can be a word of a process: no NUL, and nothing that UTF-8 has no bytes for. */
function isText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** Text that is written as it is; a lone surrogate would silently become another character. */
export const IsWellFormed = (): PropertyDecorator => applyDecorators(IsString(), Validate(WellFormedRule));

/** A path inside the sandbox: absolute, or below /workspace. */
export const IsPath = (): PropertyDecorator => applyDecorators(IsString(), Validate(PathRule));

export const IsEnvironment = (): PropertyDecorator => applyDecorators(IsObject(), Validate(EnvironmentRule), AsGiven());

/** Keeps a map of the client's as it is: class-transformer drops names that every object has, such as `toString`. */
export const AsGiven = (): PropertyDecorator => Transform(({ obj, key }) => obj[key]);

/** A word that reaches execve as it is. */
export const IsArgument = (options: { each?: boolean } = {}): PropertyDecorator => Validate(ArgumentRule, options);

export const IsProgramName = (): PropertyDecorator =>
  applyDecorators(IsString(), IsNotEmpty(), MaxLength(MAX_PATH_BYTES), Validate(ArgumentRule));

export const IsTimeoutMs = (): PropertyDecorator => isOptionalCount(1);

/** Bytes of both output streams together. */
export const IsOutputLimit = (): PropertyDecorator => isOptionalCount(0);

function isOptionalCount(least: number): PropertyDecorator {
  return applyDecorators(IsOptional(), IsInt(), Min(least), Max(Number.MAX_SAFE_INTEGER));
}
