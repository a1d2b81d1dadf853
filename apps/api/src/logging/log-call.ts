import { Logger } from '@nestjs/common';

import type { RpcCall, RpcOutcome } from '#libs/jsonrpc';

import { logContext, type LogFields } from './log-context.js';

const logger = new Logger('Rpc');

/** Gives the log lines of a request its ids. Code and file content never come near a log line. */
export async function logCall(call: RpcCall, run: () => Promise<RpcOutcome>): Promise<RpcOutcome> {
  const startedAt = performance.now();
  return logContext.run(fieldsOf(call), async () => {
    const outcome = await run();
    logger.debug({
      message: 'result' in outcome ? 'request done' : 'request failed',
      durationMs: Math.round(performance.now() - startedAt),
    });
    return outcome;
  });
}

function fieldsOf({ id, method, params, connection }: RpcCall): LogFields {
  const sessionId = params['sessionId'];
  return {
    connectionId: connection.id,
    requestId: id ?? null,
    method,
    ...(typeof sessionId === 'string' ? { sessionId } : {}),
  };
}
