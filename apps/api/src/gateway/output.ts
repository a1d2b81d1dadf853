import { isUtf8 } from 'node:buffer';

import type { RpcCall } from '#libs/jsonrpc';
import type { OutputChunk } from '#libs/runtime';

/**
 * Sends a run's output to the socket that asked for it. The promise makes the program wait for a slow client; the agent
 * never splits a character, so what is not UTF-8 here is not text at all.
 */
export function outputNotifier(call: RpcCall, sessionId: string) {
  const requestId = call.id ?? null;
  return (processId: string, { stream, seq, data }: OutputChunk): Promise<void> => {
    const text = isUtf8(data);
    return call.connection.notify('session.output', {
      sessionId,
      requestId,
      processId,
      seq,
      stream,
      data: data.toString(text ? 'utf8' : 'base64'),
      ...(text ? {} : { encoding: 'base64' }),
    });
  };
}
