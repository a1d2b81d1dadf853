import type { NestExpressApplication } from '@nestjs/platform-express';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import { createSecureContext } from 'node:tls';

import { type Config, ConfigError } from './config/config.js';
import { prepareConnections } from './http/connections.js';
import { reasonOf } from './os-error.js';

export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * The certificate and the key that the settings name; undefined where they name none.
 * @throws ConfigError naming the setting whose file cannot be used
 */
export async function readTlsPair({ tlsCertFile, tlsKeyFile }: Config): Promise<TlsPair | undefined> {
  if (tlsCertFile === undefined || tlsKeyFile === undefined) return undefined;
  const [certSetting, keySetting] = [`TLS_CERT_FILE=${tlsCertFile}`, `TLS_KEY_FILE=${tlsKeyFile}`];
  const cert = await readOf(certSetting, tlsCertFile);
  const key = await readOf(keySetting, tlsKeyFile);
  requireUsable({ cert }, `${certSetting}: must be a PEM file with a certificate`);
  requireUsable({ key }, `${keySetting}: must be a PEM file with a private key, not encrypted`);
  requireUsable({ cert, key }, `${keySetting}: must be the key of the certificate in TLS_CERT_FILE`);
  return { cert, key };
}

async function readOf(setting: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError([`${setting}: cannot be read: ${reasonOf(error)}`]);
  }
}

function requireUsable(parts: Partial<TlsPair>, refusal: string): void {
  try {
    createSecureContext(parts);
  } catch {
    throw new ConfigError([refusal]);
  }
}

/** Serves the same application over HTTPS and WSS, on a second port. */
export async function listenTls(
  app: NestExpressApplication,
  { cert, key }: TlsPair,
  host: string,
  port: number,
): Promise<Server> {
  const server = createServer({ cert, key }, app.getHttpAdapter().getInstance());
  prepareConnections(server);
  // The WebSocket server listens for upgrades on the plain one; what it does with the socket is the same.
  server.on('upgrade', (request, socket, head) => app.getHttpServer().emit('upgrade', request, socket, head));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return server;
}
