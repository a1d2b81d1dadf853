import { Inject, Injectable, type Type } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { JsonSchema, RpcMethodError } from '../metadata.js';
import { scanMethods } from '../method-scan.js';
import { DEFAULT_PATH } from '../decorators.js';
import { buildDocument, type OpenRpcDocument, type OpenRpcMethod } from './document.js';
import { Schemas } from './schemas.js';

export interface OpenRpcModuleOptions {
  /** Name of the API. */
  title: string;
  /** Version of the API. */
  version: string;
  /** Markdown. */
  description?: string;
  /** Which gateways to describe, and where `rpc.discover` answers; `/ws/jsonrpc` by default. */
  path?: string;
  /** The errors that any method may answer with; they stand in `components.errors` under their reasons. */
  errors?: RpcMethodError[];
}

export const OPEN_RPC_OPTIONS = Symbol('OPEN_RPC_OPTIONS');

/** The document while it is made, for contributions. */
export interface OpenRpcDraft {
  /** May be changed in any way. */
  readonly document: OpenRpcDocument;
  /** A method of the document. */
  method(name: string): OpenRpcMethod | undefined;
  /** Adds a class with class-validator decorators to the components, unknown fields refused; returns the `$ref`. */
  schemaOf(type: Type): JsonSchema;
  /** Adds a schema to the components; returns the `$ref`. Throws when the name is taken. */
  addSchema(name: string, schema: JsonSchema): JsonSchema;
}

export type OpenRpcContribution = (draft: OpenRpcDraft) => void;

/** Makes the OpenRPC document from the `@RpcMethod()`s, the DTO classes and what other modules contribute. */
@Injectable()
export class OpenRpcService {
  private readonly contributions: OpenRpcContribution[] = [];
  private made: OpenRpcDocument | undefined;

  constructor(
    private readonly modules: ModulesContainer,
    @Inject(OPEN_RPC_OPTIONS) private readonly options: OpenRpcModuleOptions,
  ) {}

  /** Lets a module complete the document, in the order of the calls; best from `onModuleInit`. */
  contribute(contribution: OpenRpcContribution): void {
    this.contributions.push(contribution);
    this.made = undefined;
  }

  /** Made at the first call and kept; throws what a contribution throws. */
  document(): OpenRpcDocument {
    this.made ??= this.make();
    return this.made;
  }

  private make(): OpenRpcDocument {
    const { title, version, description, path = DEFAULT_PATH, errors = [] } = this.options;
    const schemas = new Schemas();
    const methods = scanMethods(this.modules).filter((method) => method.path === path);
    const info = { title, version, ...(description !== undefined && { description }) };
    const document = buildDocument(info, methods, errors, schemas);
    for (const contribution of this.contributions) {
      contribution({
        document,
        method: (name) => document.methods.find((method) => method.name === name),
        schemaOf: (type) => schemas.ref(type, true),
        addSchema: (name, schema) => schemas.add(name, schema),
      });
    }
    return document;
  }
}
