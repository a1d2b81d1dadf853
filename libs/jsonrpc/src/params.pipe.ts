import { type ArgumentMetadata, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { invalidParams, type RpcViolation } from './rpc-error.js';

/** Enough to mend a call by; a hostile one could make as many as it has values. */
const MAX_VIOLATIONS = 50;

/** What kind of value it must be; of a list that comes before what its members must be. */
const KIND_RULES = ['isArray', 'isObject', 'isString', 'isInt', 'isNumber', 'isBoolean'];

/** Names that no object of a client may have: Nest would drop them silently, and a field that is dropped is a lie. */
const refusedNames = new Set(['__proto__', 'constructor', 'prototype']);

/** Validates params against their DTO class; unknown fields are refused. */
export class RpcParamsPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      validationError: { target: false, value: false },
      exceptionFactory: (errors) => invalidParams(violationsOf(errors)),
    });
  }

  /** Serializers of other languages write null for what is not set: it says as little here as a missing field. */
  override transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    return super.transform(withoutNulls(value), metadata);
  }

  protected override stripProtoKeys(params: unknown): void {
    // An own stack instead of recursion, as everywhere where clients decide about the depth.
    const pending: [value: unknown, path: string][] = [[params, '']];
    for (let next = pending.pop(); next; next = pending.pop()) {
      const [value, path] = next;
      if (typeof value !== 'object' || value === null) continue;
      for (const [name, child] of Object.entries(value)) {
        const field = join(path, name);
        if (refusedNames.has(name)) throw invalidParams([{ field, message: `property ${name} should not exist` }]);
        if (typeof child === 'object' && child !== null) pending.push([child, field]);
      }
    }
  }
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null));
}

/** Flattens class-validator's tree: one violation for each failed rule, with the path of its field. */
export function violationsOf(errors: ValidationError[]): RpcViolation[] {
  const violations: RpcViolation[] = [];
  const pending = errors.map((error) => ({ error, path: error.property })).toReversed();
  for (let next = pending.pop(); next && violations.length < MAX_VIOLATIONS; next = pending.pop()) {
    const { error, path } = next;
    for (const message of messagesOf(error)) violations.push({ field: path, message });
    for (const child of (error.children ?? []).toReversed()) {
      pending.push({ error: child, path: join(path, child.property) });
    }
  }
  return violations;
}

/** Of a value of the wrong kind nothing else is said: that a number is too long a text would only puzzle. */
function messagesOf({ constraints = {} }: ValidationError): string[] {
  const kind = KIND_RULES.find((rule) => Object.hasOwn(constraints, rule));
  return kind === undefined ? Object.values(constraints) : [constraints[kind] ?? kind];
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
