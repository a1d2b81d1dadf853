import { AgentError, AgentSilentError, RuntimeError, type Sandbox, type StartSpec } from '#libs/runtime';
import { DomainError, type Session } from '#libs/sessions';

import { unlessAborted } from './abortable.js';
import { overAnyLine } from './over-any-line.js';

const START_LIMIT_MS = 35_000;

/**
 * Starts a program, whatever becomes of the line to the agent meanwhile.
 * @returns false when the sandbox has gone before
 * @throws AgentError as AgentProcesses.start, DomainError rate_limited
 * @throws RuntimeError sandbox_silent when there was no answer in time: nothing of the program will then go on running
 */
export async function startWithin(session: Session, spec: StartSpec, limitMs = START_LIMIT_MS): Promise<boolean> {
  const { sandbox } = session;
  const givingUp = new AbortController();
  const { signal } = givingUp;
  const starting = overAnyLine(sandbox, session.ended, () => {
    signal.throwIfAborted();
    return startOnce(sandbox, spec, signal);
  });
  const timer = setTimeout(() => givingUp.abort(silent(limitMs)), limitMs);
  try {
    return (await unlessAborted(starting, signal)) === true;
  } catch (error) {
    // Whoever asked is told that there is no such process; a failure here means that the sandbox is somebody else's now.
    if (signal.aborted) undo(sandbox, spec.processId, starting).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A start whose answer was lost with its line has happened or not: the id that we chose tells. */
async function startOnce(sandbox: Sandbox, spec: StartSpec, signal: AbortSignal): Promise<true> {
  try {
    await sandbox.agent.processes.start(spec, signal);
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    if (error.code === 'busy') {
      throw new DomainError('rate_limited', 'The sandbox has too many requests at once.', { retryAfterMs: 100 });
    }
    if (error.code !== 'process_exists') throw error;
  }
  return true;
}

/** Waits for what the agent makes of a start that nobody waits for any more, and ends it. */
async function undo(sandbox: Sandbox, processId: string, starting: Promise<true | undefined>): Promise<void> {
  try {
    if (!(await starting)) return;
  } catch (error) {
    if (error instanceof AgentError) return;
  }
  for (;;) {
    try {
      await overAnyLine(sandbox, undefined, () => sandbox.agent.kill(processId));
      return;
    } catch (error) {
      if (!(error instanceof AgentSilentError)) throw error;
    }
  }
}

function silent(limitMs: number): RuntimeError {
  return new RuntimeError(
    'sandbox_silent',
    `The sandbox did not answer within ${limitMs / 1000} s: the host may be overloaded. The program was not started; ` +
      'should the sandbox still do so, it is killed at once.',
  );
}
