import type { IncomingMessage, ServerResponse } from 'node:http';
import { finished } from 'node:stream/promises';

import { AgentError } from '#libs/runtime';

import { contentReply } from './content-reply.js';
import type { Transfer } from './transfers.service.js';

/** Answers a GET or HEAD; resolves when all of the answer has left, and rejects where it is not whole. */
export async function download(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  { files, signal }: Transfer,
): Promise<void> {
  const content = await files.open(path, { signal });
  const { opened } = content;
  try {
    const { status, headers, body } = contentReply(request.method === 'HEAD', request.headers, opened);
    // Not before there is something to send: what fails by then can still be told.
    const begin = (): void => {
      if (!response.headersSent) response.writeHead(status, headers);
    };
    if (body === undefined) content.close();
    else {
      const range = body === 'whole' ? undefined : body;
      const { bytes } = await content.send((part) => write(response, part, begin), range);
      if (opened.type === 'file') requireAll(bytes, range?.length ?? opened.size);
    }
    begin();
  } catch (error) {
    content.close();
    throw error;
  }
  response.end();
  await finished(response);
}

/** What was promised and is not there must be missed by the client too: its connection breaks. */
function requireAll(bytes: number, promised: number): void {
  if (bytes !== promised) throw new AgentError('io_error', 'the file became shorter while it was sent');
}

/** Resolves when the bytes have left, so that the next ones come no sooner. */
function write(response: ServerResponse, bytes: Buffer, begin: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // After a break nothing calls back in every case.
    const onClose = (): void => reject(new Error('the client has gone'));
    if (response.destroyed) return onClose();
    begin();
    response.once('close', onClose);
    response.write(bytes, (error) => {
      response.off('close', onClose);
      if (error) reject(error);
      else resolve();
    });
  });
}
