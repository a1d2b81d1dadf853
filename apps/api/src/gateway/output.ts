import { isUtf8 } from 'node:buffer';

import { type RpcCall, RpcConnectionClosedError } from '#libs/jsonrpc';
import type { OutputChunk } from '#libs/runtime';

/**
 * Sends a run's output to the socket that asked for it. The promise makes the program wait for a slow client; the agent
 * never splits a character, so what is not UTF-8 here is not text at all.
 */
export function outputNotifier(call: RpcCall, sessionId: string, outlivesSocket = false) {
  const requestId = call.id ?? null;
  return (processId: string, chunk: OutputChunk): void | Promise<void> => {
    if (outlivesSocket && call.connection.closed.aborted) return undefined;
    const sent = call.connection.notify('session.output', { sessionId, requestId, processId, ...outputFields(chunk) });
    return outlivesSocket ? sent.catch(passOverClosed) : sent;
  };
}

function passOverClosed(error: unknown): void {
  if (!(error instanceof RpcConnectionClosedError)) throw error;
}

/** A chunk as every notification of output has it. */
export function outputFields({ stream, seq, data }: OutputChunk) {
  const text = isUtf8(data);
  return {
    seq,
    stream,
    data: data.toString(text ? 'utf8' : 'base64'),
    ...(text ? {} : { encoding: 'base64' }),
  };
}
