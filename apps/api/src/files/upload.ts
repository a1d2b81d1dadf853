import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

import type { UploadOptions } from '#libs/runtime';

import { HttpError } from '../http/http-error.js';
import { entityTag, strongVersions } from './entity-tag.js';
import type { Transfer } from './transfers.service.js';

/** Answers a PUT: the file is there when the answer comes, and the old one still when none comes. */
export async function upload(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  { files, signal }: Transfer,
): Promise<void> {
  const options = uploadOptions(request.headers);
  if (request.headers.expect !== undefined) response.writeContinue();
  const { version, created, ...written } = await files.write(path, request, options, { signal });
  const body = Buffer.from(`${JSON.stringify(written)}\n`);
  response.writeHead(created ? 201 : 200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(version === undefined ? {} : { ETag: entityTag(version) }),
  });
  response.end(body);
}

/**
 * What a PUT's headers ask for.
 * @throws HttpError for what would store something else than what was meant
 */
export function uploadOptions(headers: IncomingHttpHeaders): UploadOptions {
  if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
    throw new HttpError(415, 'unsupported_encoding', 'A body with a Content-Encoding is not taken.');
  }
  if (headers['content-range'] !== undefined) {
    throw new HttpError(400, 'invalid_params', 'A part of a file cannot be put: leave Content-Range out.');
  }
  const length = headers['content-length'];
  const size = length === undefined ? {} : { size: Number(length) };
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*' || match !== undefined) {
      throw new HttpError(400, 'invalid_params', 'A PUT takes If-Match, or else If-None-Match: *.');
    }
    return { mode: 'create_new', parents: true, ...size };
  }
  if (match === undefined) return { mode: 'create', parents: true, ...size };
  const versions = strongVersions(match);
  return versions === '*'
    ? { mode: 'overwrite', parents: false, ...size }
    : { mode: 'create', parents: false, ifVersion: versions, ...size };
}
