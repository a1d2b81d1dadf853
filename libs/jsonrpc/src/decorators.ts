import {
  createParamDecorator,
  Logger,
  UseFilters,
  UseInterceptors,
  UsePipes,
  type ExecutionContext,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { paramsIndexOf, setGateway, setMethod, setParamsIndex, type RpcMethodOptions } from './metadata.js';
import { NoParamsInterceptor } from './no-params.interceptor.js';
import { RpcParamsPipe } from './params.pipe.js';
import type { RpcCall } from './rpc-call.js';
import { RpcExceptionFilter } from './rpc-exception.filter.js';

export const DEFAULT_PATH = '/ws/jsonrpc';

export interface RpcGatewayOptions {
  /** Path of the WebSocket upgrade, `/ws/jsonrpc` by default. Gateways on one path share one table of methods. */
  path?: string;
}

/** Makes a provider a gateway whose `@RpcMethod()`s clients can call. Needs {@link JsonRpcWsAdapter}. */
export function RpcGateway({ path = DEFAULT_PATH }: RpcGatewayOptions = {}): ClassDecorator {
  return (target) => {
    setGateway(target, { path });
    guardHooks(target.prototype);
    WebSocketGateway({ path })(target);
    UsePipes(new RpcParamsPipe())(target);
    UseFilters(RpcExceptionFilter)(target);
  };
}

type RpcMethodDecorator = (target: object, key: string | symbol, descriptor: PropertyDescriptor) => void;

/**
 * Makes a gateway's method callable under `name`, and describes it for `rpc.discover`. Its result is a value or a
 * promise of JSON; undefined becomes null. Methods without `@RpcParams()` accept no params.
 */
export function RpcMethod(name: string, options: RpcMethodOptions = {}): RpcMethodDecorator {
  if (name.startsWith('$/') || (name.startsWith('rpc.') && name !== 'rpc.discover')) {
    throw new Error(`JSON-RPC method "${name}": names that begin with rpc. or $/ are reserved`);
  }
  return (target, key, descriptor) => {
    setMethod(descriptor.value, { ...options, name });
    SubscribeMessage(name)(target, key, descriptor);
    // Decorators of parameters have run before those of their method.
    if (paramsIndexOf(target, key) === undefined) UseInterceptors(new NoParamsInterceptor())(target, key, descriptor);
  };
}

/** The call's params, validated; the parameter's type must be a DTO class, which is checked at boot. */
export function RpcParams(): ParameterDecorator {
  return (target, key, index) => {
    // Without a key it is a constructor's parameter, where no call ever comes by.
    if (key === undefined) throw new Error('@RpcParams() is for the methods of a gateway');
    setParamsIndex(target, key, index);
    MessageBody('params')(target, key, index);
  };
}

/** The {@link RpcCall}: id, signal and connection. */
export const RpcContext: () => ParameterDecorator = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const call = context.switchToWs().getData<RpcCall>();
  // A call that was cancelled while a guard was busy must not start: handlers rarely look at a signal before they wait
  // for its event, which has been by then. (The dispatcher sees to it that pipes without I/O leave no gap after this.)
  call.signal.throwIfAborted();
  return call;
});

type Hooks = Record<(typeof hooks)[number], ((...args: unknown[]) => unknown) | undefined>;

const hooks = ['handleConnection', 'handleDisconnect'] as const;

/** Nest awaits neither hook and catches nothing: a rejection would end the process. */
function guardHooks(prototype: Hooks): void {
  for (const name of hooks) {
    const hook = prototype[name];
    if (!hook) continue;
    prototype[name] = async function guarded(this: object, ...args: unknown[]) {
      try {
        await hook.apply(this, args);
      } catch (error) {
        new Logger('JsonRpc').error(error);
      }
    };
  }
}
