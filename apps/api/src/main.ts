import './v8.js';

import { type INestApplication, Logger } from '@nestjs/common';

import { Doctor } from '#libs/doctor';
import { SandboxRuntime } from '#libs/runtime';

import { Config, ConfigError } from './config/config.js';
import { doctorOptions } from './config/config.module.js';
import { createApp } from './create-app.js';
import { HostGuard, UnsafeHostError } from './host/host-guard.js';
import { requireOciRuntime } from './host/oci-runtime.js';
import { PinoLogger } from './logging/pino-logger.js';
import { requireFreePort } from './port.js';
import { listenTls, readTlsPair } from './tls.js';

async function main(): Promise<void> {
  const config = Config.fromEnv(process.env);
  const tlsPair = await readTlsPair(config);
  await requireFreePort(config.host, config.port, 'PORT');
  if (tlsPair) await requireFreePort(config.host, config.tlsPort, 'TLS_PORT');
  const logger = await PinoLogger.create(config);
  Logger.overrideLogger(logger);
  const app = await createApp(config, logger);
  app.enableShutdownHooks();
  const runtime = app.get(SandboxRuntime);
  const stopLater = (error: StartError): void => void endWith(app, error);
  if (config.ociRuntime !== undefined) await requireOciRuntime(runtime, config.ociRuntime, stopLater);
  const tenancy = { multiTenant: config.servesSeveralTenants, allowKnownEscapes: config.allowKnownEscapes };
  // Before anything listens: nobody may get a sandbox on a host that cannot hold it.
  await new HostGuard(new Doctor(runtime, doctorOptions(config)), runtime, tenancy).check(stopLater);
  await app.listen(config.port, config.host);
  logger.log(`listening on ${await app.getUrl()}, control channel at /ws/jsonrpc`, 'Server');
  if (tlsPair) {
    const tls = await listenTls(app, tlsPair, config.host, config.tlsPort);
    app.getHttpServer().once('close', () => tls.close());
    logger.log(`listening with TLS on port ${config.tlsPort}`, 'Server');
  }
}

/** What is meant for the person who starts it. */
type StartError = ConfigError | UnsafeHostError;

async function endWith(app: INestApplication, error: StartError): Promise<void> {
  await app.close().catch(stop);
  stop(error);
}

/** Before the log is there, and for what is meant for the person who starts it. */
function stop(error: unknown): void {
  const isForPerson = error instanceof ConfigError || error instanceof UnsafeHostError;
  const text = isForPerson || !(error instanceof Error) ? String(error) : (error.stack ?? error.message);
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

main().catch(stop);
