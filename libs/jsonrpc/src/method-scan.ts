import type { Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { gatewayOf, methodOf, paramsIndexOf, paramsTypeOf, type RpcMethodMetadata } from './metadata.js';

/** One `@RpcMethod()` of one gateway. */
export interface ScannedMethod extends RpcMethodMetadata {
  path: string;
  /** `Class.method`, for messages. */
  source: string;
  /** The DTO class of its params; undefined when it takes none. */
  paramsType: Type | undefined;
}

/** As the type of a parameter these mean that TypeScript erased it, or that nothing would be validated. */
const notClasses = new Set<unknown>([Object, Array, String, Number, Boolean, Date, Map, Set, Promise, Function]);

/**
 * Finds all methods of the application, and throws for what would only show when a client calls: a name that is taken,
 * params that are no DTO class (Nest would then switch validation off in silence), a gateway without our filter.
 */
export function scanMethods(modules: ModulesContainer): ScannedMethod[] {
  const found = new Map<string, ScannedMethod>();
  for (const module of modules.values()) {
    for (const wrapper of module.providers.values()) {
      if (wrapper.isNotMetatype || !isClass(wrapper.metatype)) continue;
      for (const method of methodsOf(wrapper.metatype)) {
        const key = `${method.path} ${method.name}`;
        const other = found.get(key);
        if (other) {
          throw new Error(
            `JSON-RPC method "${method.name}" is registered twice on ${method.path}: ` +
              `by ${other.source} and ${method.source}`,
          );
        }
        found.set(key, method);
      }
    }
  }
  return [...found.values()];
}

function* methodsOf(gateway: Type): Iterable<ScannedMethod> {
  const prototype: Record<string, unknown> | undefined = gateway.prototype;
  if (!prototype) return;
  for (const key of new MetadataScanner().getAllMethodNames(prototype)) {
    const metadata = methodOf(prototype[key]);
    if (!metadata) continue;
    const source = `${gateway.name}.${key}`;
    const path = gatewayOf(gateway)?.path;
    if (path === undefined) throw new Error(`JSON-RPC method "${metadata.name}": ${source} needs @RpcGateway()`);
    yield { ...metadata, path, source, paramsType: dtoClass(prototype, key, metadata.name, source) };
  }
}

function dtoClass(prototype: object, key: string, name: string, source: string): Type | undefined {
  if (paramsIndexOf(prototype, key) === undefined) return undefined;
  const type = paramsTypeOf(prototype, key);
  if (isClass(type) && !notClasses.has(type)) return type;
  throw new Error(
    `JSON-RPC method "${name}": the @RpcParams() of ${source} must be a DTO class, ` +
      'not an interface, a built-in type or an "import type"',
  );
}

function isClass(value: unknown): value is Type {
  return typeof value === 'function';
}
