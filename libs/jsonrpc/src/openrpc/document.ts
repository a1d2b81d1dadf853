import type { Type } from '@nestjs/common';
import type { JsonSchema, RpcMethodError } from '../metadata.js';
import type { ScannedMethod } from '../method-scan.js';
import { Schemas } from './schemas.js';

/** A parameter or a result: what OpenRPC calls a content descriptor. */
export interface OpenRpcParam {
  name: string;
  description?: string;
  required?: boolean;
  schema: JsonSchema;
}

export interface OpenRpcError {
  code: number;
  message: string;
  data?: { reason: string };
}

export interface OpenRpcMethod {
  name: string;
  summary?: string;
  description?: string;
  paramStructure: 'by-name';
  params: OpenRpcParam[];
  result: OpenRpcParam;
  errors?: OpenRpcError[];
}

/** An OpenRPC 1.3 document. */
export interface OpenRpcDocument {
  openrpc: '1.3.2';
  info: { title: string; version: string; description?: string };
  methods: OpenRpcMethod[];
  components: { schemas: Record<string, JsonSchema>; errors: Record<string, OpenRpcError> };
}

export function buildDocument(
  info: OpenRpcDocument['info'],
  methods: ScannedMethod[],
  errors: RpcMethodError[],
  schemas: Schemas,
): OpenRpcDocument {
  return {
    openrpc: '1.3.2',
    info,
    methods: methods.map((method) => describe(method, schemas)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    components: {
      schemas: schemas.components,
      errors: Object.fromEntries(errors.map((error) => [error.reason ?? String(error.code), errorOf(error)])),
    },
  };
}

function describe(method: ScannedMethod, schemas: Schemas): OpenRpcMethod {
  const { name, summary, description, errors } = method;
  return {
    name,
    ...(summary !== undefined && { summary }),
    ...(description !== undefined && { description }),
    paramStructure: 'by-name',
    params: paramsOf(method.params ?? method.paramsType, schemas),
    result: { name: `${name} result`, schema: resultOf(method.result, schemas) },
    ...(errors && { errors: errors.map(errorOf) }),
  };
}

/** One content descriptor for each property of the DTO class; required ones first, as the specification wants them. */
function paramsOf(type: Type | undefined, schemas: Schemas): OpenRpcParam[] {
  if (!type) return [];
  const { properties, required = [] } = schemas.inline(type, true);
  return Object.entries(properties)
    .map(([name, { description, ...schema }]) => ({
      name,
      ...(typeof description === 'string' && { description }),
      required: required.includes(name),
      schema,
    }))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

function resultOf(result: ScannedMethod['result'], schemas: Schemas): JsonSchema {
  if (!result) return {};
  return typeof result === 'function' ? schemas.ref(result, false) : result;
}

function errorOf({ code, message, reason }: RpcMethodError): OpenRpcError {
  return { code, message, ...(reason !== undefined && { data: { reason } }) };
}
