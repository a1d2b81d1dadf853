import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { JsonRpcWsAdapter } from '#libs/jsonrpc';

import { AppModule } from './app.module.js';
import type { Config } from './config/config.js';
import { describeError } from './gateway/errors.js';
import { judgeOrigin } from './gateway/origin.js';
import { prepareConnections } from './http/connections.js';
import { logCall } from './logging/log-call.js';
import { readSeccompProfile } from './seccomp-profile.js';

/** The whole server, not yet listening. */
export async function createApp(config: Config, logger: LoggerService | false): Promise<NestExpressApplication> {
  const module = AppModule.forRoot(config, await readSeccompProfile());
  const app = await NestFactory.create<NestExpressApplication>(module, {
    logger,
    abortOnError: false,
    // Bodies are files, to be stored as they are, whatever type they claim to be.
    bodyParser: false,
  });
  app.disable('x-powered-by');
  prepareConnections(app.getHttpServer());
  app.useWebSocketAdapter(
    new JsonRpcWsAdapter(app, {
      maxPayloadBytes: config.maxFrameBytes,
      maxInFlight: config.maxInFlight,
      maxConnections: config.maxConnections,
      heartbeatIntervalMs: config.heartbeatSeconds * 1000,
      errorMapper: describeError,
      aroundCall: logCall,
      verifyClient: (request) => Promise.resolve(judgeOrigin(request, config.allowedOrigins)),
    }),
  );
  return app;
}
