import { Logger } from '@nestjs/common';

import { RuntimeError, type SandboxRuntime } from '#libs/runtime';

/**
 * Asks something of the engine when the server starts: now, or where it does not answer, once when it does.
 * @param what is asked, for the log
 * @param onFailure called with what a later try throws
 * @throws what a first try that the engine answered throws
 */
export async function atEngine(
  runtime: SandboxRuntime,
  what: string,
  ask: () => Promise<void>,
  onFailure: (error: unknown) => void,
): Promise<void> {
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    new Logger('Host').warn(`${what} when the engine answers: ${error.message}`);
    askWhenBack(runtime, ask, onFailure);
  }
}

function askWhenBack(runtime: SandboxRuntime, ask: () => Promise<void>, onFailure: (error: unknown) => void): void {
  let isDue = true;
  runtime.onBack(() => {
    if (!isDue) return;
    isDue = false;
    ask().catch((error: unknown) => {
      // Gone again: it is due once more.
      if (error instanceof RuntimeError) isDue = true;
      else onFailure(error);
    });
  });
}
