import { access, constants, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DestinationStream } from 'pino';
import pinoRoll from 'pino-roll';

import { type Config, ConfigError } from '../config/config.js';
import { reasonOf } from '../os-error.js';

/**
 * The rotated file that the log goes to. Its directory must be there: one that is made by itself, from a slip in the
 * path or a disk that is not mounted, is a log that nobody finds.
 * @throws ConfigError
 */
export async function openLogFile({ logFile, logFileMaxMB, logFileCount }: Config): Promise<DestinationStream> {
  const file = resolve(logFile ?? '');
  const directory = dirname(file);
  if (await isDirectory(file)) throw new ConfigError([`LOG_FILE=${logFile}: is a directory; name a file in it`]);
  try {
    await requireDirectory(directory);
    return await pinoRoll({ file, size: `${logFileMaxMB}m`, limit: { count: logFileCount }, mkdir: false });
  } catch (error) {
    throw new ConfigError([
      `LOG_FILE=${logFile}: no file can be made in the directory ${directory}: ${reasonOf(error)}`,
    ]);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function requireDirectory(path: string): Promise<void> {
  if (!(await stat(path)).isDirectory()) throw new Error('not a directory');
  await access(path, constants.W_OK | constants.X_OK);
}
