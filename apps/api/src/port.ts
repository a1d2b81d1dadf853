import { once } from 'node:events';
import { createServer } from 'node:net';

import { ConfigError } from './config/config.js';
import { reasonOf } from './os-error.js';

/**
 * Makes sure that an address can be listened on, before anything else is begun: a second server on a taken port must
 * not take up the sessions of the first.
 * @throws ConfigError naming the settings
 */
export async function requireFreePort(host: string, port: number, portName: string): Promise<void> {
  const probe = createServer();
  try {
    probe.listen(port, host);
    await once(probe, 'listening');
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const why = isTaken ? 'another program listens there already' : reasonOf(error);
    throw new ConfigError([`HOST=${host} ${portName}=${port}: cannot be listened on: ${why}`]);
  }
  probe.close();
  await once(probe, 'close');
}
