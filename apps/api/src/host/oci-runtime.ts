import { Logger } from '@nestjs/common';

import type { SandboxRuntime } from '#libs/runtime';

import { ConfigError } from '../config/config.js';
import { atEngine } from './at-engine.js';

/**
 * Makes sure that the engine has the runtime that sandboxes are to have: without it none could be made.
 * @param onMissing called later, where the engine does not answer yet and has no such runtime when it does
 * @throws ConfigError
 */
export async function requireOciRuntime(
  runtime: SandboxRuntime,
  name: string,
  onMissing: (error: ConfigError) => void,
): Promise<void> {
  const ask = async (): Promise<void> => {
    const { runtimes } = await runtime.facts();
    if (runtimes.length === 0 || runtimes.includes(name) || isShim(name)) return;
    throw new ConfigError([`OCI_RUNTIME=${name}: must be a runtime that the engine has: ${runtimes.join(', ')}`]);
  };
  await atEngine(runtime, 'OCI_RUNTIME is looked for', ask, (error) => {
    if (error instanceof ConfigError) onMissing(error);
    else new Logger('Host').error(error);
  });
}

/** Docker takes the name of any shim of containerd (`io.containerd.kata.v2`), and knows only at a start whether it is there. */
function isShim(name: string): boolean {
  return /^[^./][^/]*\.[^/]*$/.test(name);
}
