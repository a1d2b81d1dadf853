import { endSentence } from '#libs/commands';
import type { ProcessEnd, ProcessInfo } from '#libs/runtime';

/** A process's end as it leaves the server: the fields of a run's end. */
export function endView(end: ProcessEnd) {
  const { message: _message, limit: _limit, ...told } = end;
  return {
    ...told,
    limitsHit: end.limitsHit ?? [],
    error: end.endReason === 'exited' ? null : endSentence(end),
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
