import { ValidatorConstraint, type ValidatorConstraintInterface } from 'class-validator';
import { validateCronExpression } from 'cron';
import { resolve } from 'node:path';

import { type Language, LANGUAGES } from '#libs/runtime';

import { WITH_INTERPRETER } from './language-names.js';

@ValidatorConstraint({ name: 'isCron' })
export class CronRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return typeof value === 'string' && value.trim().split(/\s+/).length === 6 && validateCronExpression(value).valid;
  }

  defaultMessage(): string {
    return 'must be a cron expression of six fields, the first of them seconds';
  }
}

/** Where directories cannot be made, and an attempt may not even come to an end. */
const KERNEL_DIRECTORIES = ['/proc', '/sys', '/dev'];

@ValidatorConstraint({ name: 'isStateDirectory' })
export class StateDirectoryRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    if (typeof value !== 'string' || value.includes('\0')) return false;
    const path = `${resolve(value)}/`;
    return !KERNEL_DIRECTORIES.some((directory) => path.startsWith(`${directory}/`));
  }

  defaultMessage(): string {
    return `must be a directory on a disk, not one of the kernel's below ${KERNEL_DIRECTORIES.join(', ')}`;
  }
}

/** They are compared with what browsers send, so anything else would let nobody in. */
@ValidatorConstraint({ name: 'areOrigins' })
export class OriginsRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return Array.isArray(value) && value.every(isOrigin);
  }

  defaultMessage(): string {
    return 'must be origins as browsers send them, separated by commas: scheme and host in lower case, a port that is not the usual one, no path, as https://example.org or http://localhost:3000';
  }
}

function isOrigin(text: unknown): boolean {
  if (typeof text !== 'string' || !/^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/.test(text) || !URL.canParse(text))
    return false;
  if (/^(wss?|ftp|file):/.test(text)) return false;
  const { origin } = new URL(text);
  // The standard knows no origin of a browser's own schemes (extensions).
  return origin === text || origin === 'null';
}

@ValidatorConstraint({ name: 'areLanguages' })
export class LanguagesRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return areNames(value, LANGUAGES);
  }

  defaultMessage(): string {
    return `must be languages, separated by commas: ${namesOf(LANGUAGES)}, or their other names`;
  }
}

@ValidatorConstraint({ name: 'areInterpreters' })
export class InterpretersRule implements ValidatorConstraintInterface {
  validate(value: unknown): boolean {
    return areNames(value, WITH_INTERPRETER);
  }

  defaultMessage(): string {
    return `must be languages that have an interpreter, separated by commas: ${namesOf(WITH_INTERPRETER)}, or other names of these`;
  }
}

function areNames(value: unknown, known: readonly Language[]): boolean {
  return Array.isArray(value) && value.every((word) => known.some(({ name }) => name === word));
}

function namesOf(known: readonly Language[]): string {
  return known.map(({ name }) => name).join(', ');
}
