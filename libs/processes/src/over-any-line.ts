import { AgentError, AgentSilentError, ChannelLostError, deferred, RuntimeError, type Sandbox } from '#libs/runtime';

import { unlessAborted } from './abortable.js';

/** An engine that answers, but refuses the line to a sandbox, is no event when it does so no more. */
const LATEST_ASK_MS = 5_000;
/** Nothing tells when an agent has room for another exchange. */
const BUSY_PAUSE_MS = 100;

/**
 * Makes an attempt again with each new line to the agent, until it is answered. Waits while the engine is away, the
 * sandbox is paused, or its agent has too much to do.
 * @returns undefined when the sandbox is gone for good
 * @throws what the attempt rejects with, unless it is the end of a line; ChannelLostError when this server lets go; the
 * signal's reason
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
      if (signal?.aborted) throw error;
      if (error instanceof AgentError && error.code === 'busy') await pause(BUSY_PAUSE_MS, signal);
      // Silence has had its time: whoever asked decides.
      else if (!(error instanceof ChannelLostError) || error instanceof AgentSilentError) throw error;
    }
  }
}

async function readyAgain(sandbox: Sandbox, signal: AbortSignal | undefined): Promise<boolean> {
  for (;;) {
    const back = new AbortController();
    // Before it is asked, for it may be back in between.
    const unsubscribe = sandbox.onBack(() => back.abort());
    const forward = (): void => back.abort();
    signal?.addEventListener('abort', forward, { once: true });
    try {
      return await sandbox.ready();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await pause(LATEST_ASK_MS, back.signal).catch(() => undefined);
    } finally {
      unsubscribe();
      signal?.removeEventListener('abort', forward);
    }
    signal?.throwIfAborted();
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof RuntimeError && (error.kind === 'engine_unavailable' || error.kind === 'sandbox_paused');
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const over = deferred<void>();
  const timer = setTimeout(() => over.resolve(), ms);
  try {
    await unlessAborted(over.promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
