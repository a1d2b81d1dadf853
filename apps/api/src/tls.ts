import type { NestExpressApplication } from '@nestjs/platform-express';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';

import { prepareConnections } from './http/connections.js';

/** Serves the same application over HTTPS and WSS, on a second port. */
export async function listenTls(
  app: NestExpressApplication,
  files: { cert: string; key: string },
  host: string,
  port: number,
): Promise<Server> {
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
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
