import type { Type } from '@nestjs/common';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage.js';
import { IS_DIVISIBLE_BY, IS_NEGATIVE, IS_POSITIVE, MAX, MIN, ValidationTypes } from 'class-validator';
import type { ValidationMetadata } from 'class-validator/types/metadata/ValidationMetadata.js';
import { targetConstructorToSchema } from 'class-validator-jsonschema';
import type { JsonSchema } from '../metadata.js';

const PREFIX = '#/components/schemas/';

type Converters = NonNullable<NonNullable<Parameters<typeof targetConstructorToSchema>[1]>['additionalConverters']>;

/** What class-validator-jsonschema makes of a class. */
export interface ClassSchema extends JsonSchema {
  properties: Record<string, JsonSchema>;
  required?: string[];
}

/** Turns DTO classes into JSON Schema; the classes that they nest become components. */
export class Schemas {
  readonly components: Record<string, JsonSchema> = {};
  private readonly names = new Map<Type, string>();
  /** Whether the classes converted now are validated input, where unknown fields are refused. */
  private isInput = true;

  /** The schema of a class itself. */
  inline(type: Type, isInput: boolean): ClassSchema {
    const outer = this.isInput;
    this.isInput = isInput;
    try {
      const { properties = {}, ...schema } = targetConstructorToSchema(type, {
        classTransformerMetadataStorage: defaultMetadataStorage,
        refPointerPrefix: PREFIX,
        additionalConverters: this.converters,
      });
      const complete = withDefaults(type, { type: 'object', ...schema, properties: asJson(properties) });
      return isInput ? { additionalProperties: false, ...complete } : complete;
    } finally {
      this.isInput = outer;
    }
  }

  /** A reference to a class among the components. Two classes of one name get two names. */
  ref(type: Type, isInput = this.isInput): JsonSchema {
    let name = this.names.get(type);
    if (name === undefined) {
      name = type.name;
      for (let n = 2; name in this.components; n++) name = `${type.name}${n}`;
      // Before its properties, which may refer to the class itself.
      this.names.set(type, name);
      this.components[name] = {};
      this.components[name] = this.inline(type, isInput);
    }
    return { $ref: PREFIX + name };
  }

  /** Adds a schema that is not of a class; throws when the name is taken. */
  add(name: string, schema: JsonSchema): JsonSchema {
    if (name in this.components) throw new Error(`There is a schema named ${name} already`);
    this.components[name] = schema;
    return { $ref: PREFIX + name };
  }

  private readonly converters: Converters = {
    [ValidationTypes.NESTED_VALIDATION]: (meta) => this.nested(meta),
    [ValidationTypes.CUSTOM_VALIDATION]: (meta) => (meta.each ? {} : builtIn(designType(meta))),
    // The library's own say "number" and would overrule IsInt's "integer".
    [MIN]: (meta) => ({ minimum: numberOf(meta) }),
    [MAX]: (meta) => ({ maximum: numberOf(meta) }),
    [IS_POSITIVE]: () => asJson({ exclusiveMinimum: 0 }),
    [IS_NEGATIVE]: () => asJson({ exclusiveMaximum: 0 }),
    [IS_DIVISIBLE_BY]: (meta) => ({ multipleOf: numberOf(meta) }),
  };

  private nested(meta: ValidationMetadata): JsonSchema {
    if (typeof meta.target !== 'function') return {};
    const declared = defaultMetadataStorage.findTypeMetadata(meta.target, meta.propertyName);
    const subTypes = declared?.options.discriminator?.subTypes;
    if (subTypes) return { oneOf: subTypes.map(({ value }) => (isOwnClass(value) ? this.ref(value) : {})) };
    const type: unknown = declared?.typeFunction() ?? designType(meta);
    return isOwnClass(type) ? this.ref(type) : builtIn(type);
  }
}

/** A field with an initialiser may be left out, and its value is what the handler then sees. */
function withDefaults(type: Type, schema: ClassSchema): ClassSchema {
  const defaults = initialValues(type);
  const properties = { ...schema.properties };
  for (const [name, value] of Object.entries(defaults)) {
    const property = properties[name];
    if (property && !('$ref' in property)) properties[name] = { default: value, ...property };
  }
  const required = schema.required?.filter((name) => defaults[name] === undefined) ?? [];
  const { required: _, ...rest } = schema;
  return { ...rest, properties, ...(required.length > 0 && { required }) };
}

function initialValues(type: Type): Record<string, unknown> {
  try {
    return asJson(new type());
  } catch {
    // A constructor that needs arguments is no DTO's, but no reason to have no document either.
    return {};
  }
}

function numberOf(meta: ValidationMetadata): number {
  return Number(meta.constraints[0]);
}

/** The types of OpenAPI 3.0 that the libraries use know less than JSON Schema does. */
function asJson(value: object): Record<string, JsonSchema> {
  return JSON.parse(JSON.stringify(value));
}

function designType(meta: ValidationMetadata): unknown {
  return typeof meta.target === 'function'
    ? Reflect.getMetadata('design:type', Object(meta.target.prototype), meta.propertyName)
    : undefined;
}

const builtIns = new Map<unknown, JsonSchema>([
  [String, { type: 'string' }],
  [Number, { type: 'number' }],
  [Boolean, { type: 'boolean' }],
  [Array, { type: 'array', items: {} }],
]);

function builtIn(type: unknown): JsonSchema {
  return { ...builtIns.get(type) };
}

function isOwnClass(type: unknown): type is Type {
  return typeof type === 'function' && type !== Object && !builtIns.has(type);
}
