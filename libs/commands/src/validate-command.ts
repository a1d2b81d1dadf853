import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';

import { DomainError } from '#libs/sessions';

import type { CommandMetadata } from './command-handler.js';

/** What kind of value it must be; of a list that comes before what its members must be. */
const KIND_RULES = ['isArray', 'isObject', 'isString', 'isInt', 'isNumber', 'isBoolean'];

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
      const names = [field, ...Object.keys(aliases).filter((alias) => aliases[alias] === field)];
      const given = names.filter((one) => Object.hasOwn(fields, one)).join(' and ');
      throw refusal([{ field: `command.${name}`, message: `${given} say the same; give one of them` }]);
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
  const own = tellingRules(error).map(([rule, message]) => ({
    field,
    message: rule === 'whitelistValidation' ? `there is no field ${error.property}` : message,
  }));
  return [...own, ...(error.children ?? []).flatMap((child) => violations(child, field))];
}

/** Of a value of the wrong kind nothing else is said: that a number is too long a text would only puzzle. */
function tellingRules({ constraints = {} }: ValidationError): [string, string][] {
  const rules = Object.entries(constraints);
  const kind = KIND_RULES.find((name) => Object.hasOwn(constraints, name));
  return kind === undefined ? rules : rules.filter(([rule]) => rule === kind);
}

function refusal(all: Violation[]): DomainError {
  const first = all[0];
  const message = first ? `Invalid params: ${first.field}: ${first.message}` : 'Invalid params';
  return new DomainError('invalid_params', message, { violations: all });
}
