import './heap.js';

import { Logger } from '@nestjs/common';

import { Config, ConfigError } from './config/config.js';
import { createApp } from './create-app.js';
import { PinoLogger } from './logging/pino-logger.js';
import { requireFreePort } from './port.js';
import { listenTls } from './tls.js';

async function main(): Promise<void> {
  const config = Config.fromEnv(process.env);
  const hasTls = config.tlsCertFile !== undefined;
  await requireFreePort(config.host, config.port, 'PORT');
  if (hasTls) await requireFreePort(config.host, config.tlsPort, 'TLS_PORT');
  const logger = await PinoLogger.create(config);
  Logger.overrideLogger(logger);
  const app = await createApp(config, logger);
  app.enableShutdownHooks();
  await app.listen(config.port, config.host);
  logger.log(`listening on ${await app.getUrl()}, control channel at /ws/jsonrpc`, 'Server');
  if (config.tlsCertFile !== undefined && config.tlsKeyFile !== undefined) {
    const files = { cert: config.tlsCertFile, key: config.tlsKeyFile };
    const tls = await listenTls(app, files, config.host, config.tlsPort);
    app.getHttpServer().once('close', () => tls.close());
    logger.log(`listening with TLS on port ${config.tlsPort}`, 'Server');
  }
}

main().catch((error: unknown) => {
  // Before the log is there, and for settings, whose message is meant for the person who starts it.
  const text =
    error instanceof ConfigError || !(error instanceof Error) ? String(error) : (error.stack ?? error.message);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
