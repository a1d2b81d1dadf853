import { sentence } from '#libs/commands';
import type { ProcessEnd, ProcessInfo } from '#libs/runtime';

/** A process's end as it leaves the server: the fields of a run's end. */
export function endView({ message, errno, ...end }: ProcessEnd) {
  return {
    ...end,
    limitsHit: end.limitsHit ?? [],
    ...(errno === undefined ? {} : { errno }),
    error: message === undefined || end.endReason === 'exited' ? null : sentence(message),
  };
}

/** A process as process.list tells of it. */
export function processView({ processId, args, state, startedAt, pty, firstSeq, nextSeq, end }: ProcessInfo) {
  const [commandName = '', ...rest] = args;
  return {
    processId,
    commandName,
    args: rest,
    state,
    startedAt,
    pty,
    firstSeq,
    nextSeq,
    end: end ? endView(end) : null,
  };
}
