import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import metaSchema from '@open-rpc/meta-schema';
import { Type } from 'class-transformer';
import { IsArray, IsIn, IsInt, IsObject, IsOptional, IsString, Max, Min, ValidateNested } from 'class-validator';
import { JSONSchema } from 'class-validator-jsonschema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  OpenRpcModule,
  OpenRpcService,
  RpcGateway,
  RpcMethod,
  RpcParams,
  type JsonSchema,
  type OpenRpcDocument,
} from '../index.js';
import { start, stopAll } from '../testing/support.js';

class Limits {
  @IsInt()
  @Min(16)
  memoryMb: number;
}

class CreateParams {
  @JSONSchema({ description: 'What it is written in.' })
  @IsIn(['python', 'go'])
  language: string;

  @IsInt()
  @Min(1)
  @Max(60)
  minutes = 30;

  @IsOptional()
  @IsString()
  name?: string;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Limits)
  limits?: Limits[];
}

class RunParams {
  @IsString()
  sessionId: string;

  @IsObject()
  command: object;
}

class WriteFile {
  @IsIn(['write_file'])
  type: string;

  @IsString()
  path: string;
}

class SessionView {
  @IsString()
  sessionId: string;
}

@RpcGateway()
class SessionGateway {
  @RpcMethod('session.create', {
    summary: 'Starts a session',
    result: SessionView,
    errors: [{ code: -32007, message: 'Unsupported language', reason: 'unsupported_language' }],
  })
  create(@RpcParams() params: CreateParams) {
    return params;
  }

  @RpcMethod('session.run', { result: { type: 'object' } })
  run(@RpcParams() params: RunParams) {
    return params;
  }

  @RpcMethod('language.list')
  list() {
    return [];
  }
}

@Injectable()
class Commands implements OnModuleInit {
  constructor(private readonly openRpc: OpenRpcService) {}

  onModuleInit() {
    this.openRpc.contribute(({ method, schemaOf, addSchema }) => {
      const command = addSchema('Command', { oneOf: [schemaOf(WriteFile)] });
      const param = method('session.run')?.params.find(({ name }) => name === 'command');
      if (param) param.schema = command;
    });
  }
}

@Module({ providers: [Commands] })
class CommandsModule {}

describe('rpc.discover', () => {
  let document: OpenRpcDocument;

  beforeAll(async () => {
    const openRpc = OpenRpcModule.forRoot({
      title: 'Spec',
      version: '1.2.3',
      errors: [{ code: -32602, message: 'Invalid params', reason: 'invalid_params' }],
    });
    const { connect } = await start({ imports: [openRpc, CommandsModule], providers: [SessionGateway] });
    document = (await (await connect()).call('rpc.discover')).result as OpenRpcDocument;
  });
  afterAll(stopAll);

  it('should answer a document that is valid by OpenRPC’s own schema', () => {
    expect(faultsOf(document, metaSchema as unknown as JsonSchema)).toEqual([]);
    expect(faultsOf({ ...document, info: { title: 5 } }, metaSchema as unknown as JsonSchema)).not.toEqual([]);
    expect(document.info).toEqual({ title: 'Spec', version: '1.2.3' });
  });

  it('should name every method, and its params as they are validated', () => {
    expect(document.methods.map(({ name }) => name)).toEqual([
      'language.list',
      'rpc.discover',
      'session.create',
      'session.run',
    ]);
    expect(document.methods[0]?.params).toEqual([]);
    expect(document.methods[2]).toEqual({
      name: 'session.create',
      summary: 'Starts a session',
      paramStructure: 'by-name',
      params: [
        {
          name: 'language',
          description: 'What it is written in.',
          required: true,
          schema: { type: 'string', enum: ['python', 'go'] },
        },
        { name: 'minutes', required: false, schema: { type: 'integer', minimum: 1, maximum: 60, default: 30 } },
        { name: 'name', required: false, schema: { type: 'string' } },
        {
          name: 'limits',
          required: false,
          schema: { type: 'array', items: { $ref: '#/components/schemas/Limits' } },
        },
      ],
      result: { name: 'session.create result', schema: { $ref: '#/components/schemas/SessionView' } },
      errors: [{ code: -32007, message: 'Unsupported language', data: { reason: 'unsupported_language' } }],
    });
  });

  it('should hold the nested classes and what other modules contribute', () => {
    expect(document.components.schemas).toEqual({
      Limits: {
        type: 'object',
        additionalProperties: false,
        properties: { memoryMb: { type: 'integer', minimum: 16 } },
        required: ['memoryMb'],
      },
      SessionView: { type: 'object', properties: { sessionId: { type: 'string' } }, required: ['sessionId'] },
      WriteFile: {
        type: 'object',
        additionalProperties: false,
        properties: { type: { type: 'string', enum: ['write_file'] }, path: { type: 'string' } },
        required: ['type', 'path'],
      },
      Command: { oneOf: [{ $ref: '#/components/schemas/WriteFile' }] },
    });
    expect(document.methods[3]?.params[1]).toMatchObject({
      name: 'command',
      schema: { $ref: '#/components/schemas/Command' },
    });
    expect(document.components.errors).toEqual({
      invalid_params: { code: -32602, message: 'Invalid params', data: { reason: 'invalid_params' } },
    });
  });
});

/** As much of JSON Schema as the meta-schema uses; what it refers to elsewhere counts as valid. */
function faultsOf(value: unknown, schema: JsonSchema, path = '$'): string[] {
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const target = ref.startsWith('#/definitions/') ? definitions[ref.slice('#/definitions/'.length)] : {};
    return target ? faultsOf(value, target, path) : [`${path}: no ${ref}`];
  }
  if (Array.isArray(schema['oneOf'])) {
    const valid = (schema['oneOf'] as JsonSchema[]).filter((option) => faultsOf(value, option, path).length === 0);
    return valid.length === 1 ? [] : [`${path}: fits ${valid.length} of oneOf`];
  }
  const faults: string[] = [];
  const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  if (schema['type'] !== undefined && schema['type'] !== type) faults.push(`${path}: is ${type}`);
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) faults.push(`${path}: not in enum`);
  if (typeof schema['minLength'] === 'number' && (value as string).length < schema['minLength']) faults.push(path);
  if (Array.isArray(value)) {
    return faults.concat(
      value.flatMap((item, at) => faultsOf(item, (schema['items'] ?? {}) as JsonSchema, `${path}[${at}]`)),
    );
  }
  if (type !== 'object') return faults;
  const object = value as Record<string, unknown>;
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>;
  const patterns = Object.entries((schema['patternProperties'] ?? {}) as Record<string, JsonSchema>);
  for (const name of (schema['required'] ?? []) as string[]) if (!(name in object)) faults.push(`${path}: no ${name}`);
  for (const [name, child] of Object.entries(object)) {
    const rule = properties[name] ?? patterns.find(([pattern]) => new RegExp(pattern).test(name))?.[1];
    if (rule) faults.push(...faultsOf(child, rule, `${path}.${name}`));
    else if (schema['additionalProperties'] === false) faults.push(`${path}: unknown ${name}`);
  }
  return faults;
}

const definitions = (metaSchema as unknown as { definitions: Record<string, JsonSchema> }).definitions;
