import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';

import { DomainError } from '#libs/sessions';

import type { CommandMetadata } from './command-handler.js';

const KIND_RULES = new Set(['isString', 'isInt', 'isNumber', 'isBoolean', 'isArray', 'isObject']);

interface Violation {
  readonly field: string;
  readonly message: string;
}

/**
 * A command's fields as an instance of its class.
 * @throws DomainError invalid_params, naming each wrong or unknown field as `command.<field>`
 */
export function validateCommand(metadata: CommandMetadata, fields: object): object {
  const given = renamed(metadata, fields);
  const params = plainToInstance(metadata.params, given);
  // class-transformer passes over names that every object has, such as toString, instead of refusing them.
  const passedOver = Object.keys(given).filter((name) => !Object.hasOwn(params, name));
  if (passedOver.length > 0) throw refusal(passedOver.map(unknownField));
  const errors = validateSync(params, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: false });
  if (errors.length > 0) throw refusal(errors.flatMap((error) => violations(error, 'command')));
  return params;
}

function renamed(metadata: CommandMetadata, fields: object): object {
  const aliases = metadata.fieldAliases ?? {};
  const result = new Map<string, unknown>();
  for (const [name, value] of Object.entries(fields)) {
    // As everywhere in params: a null says as little as a missing field.
    if (value === null) continue;
    const field = Object.hasOwn(aliases, name) ? (aliases[name] ?? name) : name;
    if (result.has(field)) {
      throw refusal([{ field: `command.${name}`, message: `${name} says the same as ${field}; give one of them` }]);
    }
    result.set(field, value);
  }
  return Object.fromEntries(result);
}

function unknownField(name: string): Violation {
  return { field: `command.${name}`, message: `there is no field ${name}` };
}

function violations(error: ValidationError, parent: string): Violation[] {
  const field = `${parent}.${error.property}`;
  const rules = Object.entries(error.constraints ?? {});
  // What kind of value a field must be says more than how long it may be.
  rules.sort(([a], [b]) => Number(KIND_RULES.has(b)) - Number(KIND_RULES.has(a)));
  const own = rules.map(([rule, message]) => ({
    field,
    message: rule === 'whitelistValidation' ? `there is no field ${error.property}` : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => violations(child, field))];
}

function refusal(all: Violation[]): DomainError {
  const first = all[0];
  const message = first ? `Invalid params: ${first.field}: ${first.message}` : 'Invalid params';
  return new DomainError('invalid_params', message, { violations: all });
}
