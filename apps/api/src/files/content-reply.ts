import { create as contentDisposition } from 'content-disposition';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { posix } from 'node:path';

import type { ByteRange, OpenedPath } from '#libs/runtime';

import { HttpError } from '../http/http-error.js';
import { entityTag, namesVersion, strongVersions } from './entity-tag.js';

const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/;

/** How a GET or HEAD is answered, before a byte is sent. */
export interface ContentReply {
  readonly status: 200 | 206 | 304;
  readonly headers: OutgoingHttpHeaders;
  /** What the body is; absent where there is none. */
  readonly body?: 'whole' | ByteRange;
}

/**
 * What a sandbox holds is a stranger's: a browser must save it, and never show it as a page of this server's. Nor may
 * pages of others embed it.
 */
const FOREIGN_CONTENT = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "sandbox; default-src 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'private, no-cache',
};

/**
 * Decides by the request's headers. Times decide nothing: programs can set those of their files, and they are whole
 * seconds on the wire.
 * @throws HttpError precondition_failed, range_not_satisfiable
 */
export function contentReply(isHead: boolean, asked: IncomingHttpHeaders, opened: OpenedPath): ContentReply {
  const headers: OutgoingHttpHeaders = { ...FOREIGN_CONTENT, 'Last-Modified': opened.modifiedAt.toUTCString() };
  if (opened.type === 'directory') return directoryReply(isHead, headers, opened);
  const { version, size } = opened;
  const etag = version === undefined ? undefined : entityTag(version);
  Object.assign(headers, { 'Accept-Ranges': 'bytes' }, etag === undefined ? {} : { ETag: etag });
  requireMatch(asked['if-match'], version);
  if (namesVersion(asked['if-none-match'], version)) return { status: 304, headers };
  Object.assign(headers, {
    'Content-Type': 'application/octet-stream',
    'Content-Disposition': contentDisposition(nameOf(opened.path)),
  });
  const range = isHead ? undefined : wantedRange(asked, size, etag);
  if (range) {
    Object.assign(headers, {
      'Content-Range': `bytes ${range.offset}-${range.offset + range.length - 1}/${size}`,
      'Content-Length': range.length,
    });
    return { status: 206, headers, body: range };
  }
  headers['Content-Length'] = size;
  return { status: 200, headers, ...(isHead || size === 0 ? {} : { body: 'whole' }) };
}

function directoryReply(isHead: boolean, headers: OutgoingHttpHeaders, opened: OpenedPath): ContentReply {
  Object.assign(headers, {
    'Content-Type': 'application/x-tar',
    'Content-Disposition': contentDisposition(`${nameOf(opened.path)}.tar`),
    'Accept-Ranges': 'none',
  });
  return { status: 200, headers, ...(isHead ? {} : { body: 'whole' }) };
}

function requireMatch(header: string | undefined, version: string | undefined): void {
  if (header === undefined) return;
  const versions = strongVersions(header);
  if (versions === '*' || (version !== undefined && versions.includes(version))) return;
  throw new HttpError(412, 'precondition_failed', 'The file is not the version that If-Match names.');
}

/** The one range that is to be sent instead of the whole. Several ranges, and what is no range, mean the whole. */
function wantedRange(asked: IncomingHttpHeaders, size: number, etag: string | undefined): ByteRange | undefined {
  const { range, 'if-range': ifRange } = asked;
  if (range === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const [, first = '', last = ''] = ONE_RANGE.exec(range) ?? [];
  if (first === '' && last === '') return undefined;
  const offset = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Number(last) + 1;
  if (end <= offset && first !== '' && last !== '') return undefined;
  if (offset >= size) {
    const message = `The file has ${size} bytes, and none in that range.`;
    throw new HttpError(416, 'range_not_satisfiable', message, { size }, { 'Content-Range': `bytes */${size}` });
  }
  return { offset, length: Math.min(end, size) - offset };
}

function nameOf(path: string): string {
  return posix.basename(path) || 'root';
}
