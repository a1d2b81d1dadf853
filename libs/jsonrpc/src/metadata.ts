import 'reflect-metadata';
import type { Type } from '@nestjs/common';

/** A JSON Schema, as plain JSON. */
export type JsonSchema = Record<string, unknown>;

/** An error that a method may answer with, for the OpenRPC document. */
export interface RpcMethodError {
  code: number;
  message: string;
  /** The error's `data.reason`. */
  reason?: string;
}

/** What the OpenRPC document says of a method beyond its params. */
export interface RpcMethodOptions {
  /** A few words. */
  summary?: string;
  /** Markdown. */
  description?: string;
  /** For the document only, where it should say something else than the DTO class that validates. */
  params?: Type;
  /** A class with class-validator decorators or JSON Schema. */
  result?: Type | JsonSchema;
  errors?: RpcMethodError[];
}

export interface RpcMethodMetadata extends RpcMethodOptions {
  name: string;
}

export interface RpcGatewayMetadata {
  path: string;
}

const METHOD = Symbol('jsonrpc:method');
const GATEWAY = Symbol('jsonrpc:gateway');
const PARAMS_INDEX = Symbol('jsonrpc:params-index');

export function setMethod(handler: object, metadata: RpcMethodMetadata): void {
  Reflect.defineMetadata(METHOD, metadata, handler);
}

export function methodOf(handler: unknown): RpcMethodMetadata | undefined {
  return typeof handler === 'function' ? Reflect.getMetadata(METHOD, handler) : undefined;
}

export function setGateway(target: object, metadata: RpcGatewayMetadata): void {
  Reflect.defineMetadata(GATEWAY, metadata, target);
}

export function gatewayOf(target: object): RpcGatewayMetadata | undefined {
  return Reflect.getMetadata(GATEWAY, target);
}

export function setParamsIndex(target: object, key: string | symbol, index: number): void {
  Reflect.defineMetadata(PARAMS_INDEX, index, target, key);
}

export function paramsIndexOf(target: object, key: string | symbol): number | undefined {
  return Reflect.getMetadata(PARAMS_INDEX, target, key);
}

/** The declared type of the `@RpcParams()` parameter; anything but a class when TypeScript knew only an interface. */
export function paramsTypeOf(target: object, key: string | symbol): unknown {
  const index = paramsIndexOf(target, key);
  if (index === undefined) return undefined;
  const types: unknown[] | undefined = Reflect.getMetadata('design:paramtypes', target, key);
  return types?.[index];
}
