import { setTimeout as delay } from 'node:timers/promises';

import { ChannelLostError, RuntimeError, type Sandbox } from '#libs/runtime';

/** Between two questions whether an engine that was away is back: it is asked, because it cannot tell. */
const ENGINE_PAUSE_MS = 500;

/**
 * Makes an attempt again with each new line to the agent, until it is answered.
 * @returns undefined when the sandbox is gone for good
 * @throws what the attempt rejects with, unless it is the end of a line; ChannelLostError when this server lets go
 */
export async function overAnyLine<T>(
  sandbox: Sandbox,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    if (!(await readyAgain(sandbox, signal))) return undefined;
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof ChannelLostError) || signal?.aborted) throw error;
    }
  }
}

async function readyAgain(sandbox: Sandbox, signal: AbortSignal | undefined): Promise<boolean> {
  for (;;) {
    try {
      return await sandbox.ready();
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.kind !== 'engine_unavailable') throw error;
    }
    await delay(ENGINE_PAUSE_MS, undefined, signal ? { signal } : {});
  }
}
