import type { EndReason, ProcessEnd } from '#libs/runtime';

import { sentence } from './sentence.js';

/** What a sentence is made of: a run's end, or a background process's. */
export type ExplainedEnd = Pick<ProcessEnd, 'endReason' | 'exitCode' | 'signal' | 'stdoutBytes' | 'stderrBytes'> &
  Pick<ProcessEnd, 'limit' | 'message'>;

/**
 * Why a program ended, as a client is told it. It says no more than the fields beside it show.
 * @param what `program` or `build`
 */
export function endSentence(end: ExplainedEnd, what = 'program'): string {
  if (end.endReason === 'spawn_failed') return sentence(end.message ?? `the ${what} could not be started`);
  const why = `The ${what} ${explain(end.endReason, end)}.`;
  // What could not be killed, and whose output was cut off.
  return end.message === undefined ? why : `${why} ${sentence(end.message)}`;
}

function explain(endReason: Exclude<EndReason, 'spawn_failed'>, end: ExplainedEnd): string {
  const { limit, signal, exitCode } = end;
  switch (endReason) {
    case 'exited':
      return `exited with code ${exitCode ?? 'unknown'}`;
    case 'timed_out':
      return `did not end within ${limit === undefined ? 'its time' : `${limit} ms`} and was killed`;
    case 'cpu_exceeded':
      return `used up ${limit === undefined ? 'its CPU time' : `the ${limit} ms of CPU time that it had`} and was killed`;
    case 'output_limit': {
      const wrote = `wrote ${end.stdoutBytes + end.stderrBytes} bytes of output, more than its limit`;
      return `${wrote}${limit === undefined ? '' : ` of ${limit}`}, and ${signal === 'SIGKILL' ? 'was killed' : quicker(end)}`;
    }
    case 'out_of_memory':
      if (signal === null && exitCode === null) return 'ended with its session, which had no memory left';
      if (signal === null) return 'lost a process that the kernel killed, because the session had no memory left';
      return 'was killed by the kernel, because the session had no memory left';
    case 'signaled':
      return `was ended by ${signal ?? 'a signal'}; no kill and no limit of time, CPU or output sent it`;
    case 'cancelled':
      return 'was killed, because its request was cancelled';
    case 'killed':
      return 'was killed: it was asked for, or its session ended';
    case 'container_lost':
      return 'was lost: the container of its session ended while it ran';
    default:
      return endReason satisfies never;
  }
}

/** Of a program that the kill came too late for. */
function quicker({ signal, exitCode }: ExplainedEnd): string {
  return signal === null
    ? `had ended by itself, with exit code ${exitCode ?? 'unknown'}, before it could be killed`
    : `had died of ${signal} before it could be killed`;
}
