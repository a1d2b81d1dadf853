import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { ScheduleModule } from '@nestjs/schedule';

import { CommandsModule } from '#libs/commands';
import { ContextsModule } from '#libs/contexts';
import { OpenRpcModule } from '#libs/jsonrpc';
import { ProcessesModule } from '#libs/processes';
import { SessionsModule } from '#libs/sessions';

import type { Config } from './config/config.js';
import { ConfigModule } from './config/config.module.js';
import { ContextsGateway } from './contexts/contexts.gateway.js';
import { EventsModule } from './events/events.module.js';
import { ExecutionsGateway } from './executions/executions.gateway.js';
import { ExecutionsService } from './executions/executions.service.js';
import { FilesModule } from './files/files.module.js';
import { openRpcOptions } from './gateway/openrpc.js';
import { CommandSchemas } from './gateway/command-schemas.js';
import { ServerFacts } from './gateway/server-facts.js';
import { WsGateway } from './gateway/ws.gateway.js';
import { HealthModule } from './health/health.module.js';
import { UnknownAddressFilter } from './http/unknown-address.filter.js';
import { LanguagesService } from './languages/languages.service.js';
import { MetricsController } from './metrics/metrics.controller.js';
import { MetricsService } from './metrics/metrics.service.js';
import { ProcessesGateway } from './processes/processes.gateway.js';
import { Readers } from './processes/readers.js';
import { RuntimeModule } from './runtime.module.js';

@Module({})
export class AppModule {
  static forRoot(config: Config, seccompProfile: string): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config, seccompProfile),
        RuntimeModule.global(),
        ScheduleModule.forRoot(),
        SessionsModule,
        CommandsModule,
        FilesModule,
        ProcessesModule,
        EventsModule,
        ContextsModule,
        HealthModule,
        OpenRpcModule.forRoot(openRpcOptions()),
      ],
      controllers: [MetricsController],
      providers: [
        { provide: APP_FILTER, useClass: UnknownAddressFilter },
        MetricsService,
        WsGateway,
        ProcessesGateway,
        Readers,
        ContextsGateway,
        ExecutionsGateway,
        ExecutionsService,
        LanguagesService,
        ServerFacts,
        CommandSchemas,
      ],
    };
  }
}
