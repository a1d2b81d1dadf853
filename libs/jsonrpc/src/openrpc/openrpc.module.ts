import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { RpcGateway, RpcMethod } from '../decorators.js';
import { JsonRpcModule } from '../json-rpc.module.js';
import type { OpenRpcDocument } from './document.js';
import { OPEN_RPC_OPTIONS, OpenRpcService, type OpenRpcModuleOptions } from './openrpc.service.js';

export type { OpenRpcModuleOptions } from './openrpc.service.js';

const META_SCHEMA = 'https://meta.open-rpc.org/';

/** Answers `rpc.discover`; {@link OpenRpcService} is then there for every module. */
@Module({})
export class OpenRpcModule {
  static forRoot(options: OpenRpcModuleOptions): DynamicModule {
    return {
      module: OpenRpcModule,
      global: true,
      imports: [JsonRpcModule],
      providers: [{ provide: OPEN_RPC_OPTIONS, useValue: options }, OpenRpcService, discoverGateway(options.path)],
      exports: [OpenRpcService],
    };
  }
}

/** The path of a gateway stands in a decorator, so each path needs its own class. */
function discoverGateway(path: string | undefined): Type {
  @RpcGateway({ path })
  class DiscoverGateway {
    constructor(private readonly openRpc: OpenRpcService) {}

    @RpcMethod('rpc.discover', {
      summary: 'This document',
      description: 'The OpenRPC description of every method, made from the classes that validate their params.',
      result: { $ref: META_SCHEMA },
    })
    discover(): OpenRpcDocument {
      return this.openRpc.document();
    }
  }
  return DiscoverGateway;
}
