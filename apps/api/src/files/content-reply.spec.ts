import { parse } from 'content-disposition';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { OpenedPath } from '#libs/runtime';

import { HttpError } from '../http/http-error.js';
import { contentReply } from './content-reply.js';

const FILE: OpenedPath = {
  path: '/workspace/file.bin',
  type: 'file',
  size: 100,
  modifiedAt: new Date('2026-01-02T03:04:05.678Z'),
  version: 'a-1',
};

const get = (headers: Record<string, string> = {}, opened = FILE) => contentReply(false, headers, opened);

describe('contentReply', () => {
  it('sends a file whole, with all that a client may want to know', () => {
    expect(get()).toEqual({
      status: 200,
      body: 'whole',
      headers: {
        'Content-Type': 'application/octet-stream',
        'Content-Length': 100,
        'Content-Disposition': 'attachment; filename=file.bin',
        'Last-Modified': 'Fri, 02 Jan 2026 03:04:05 GMT',
        ETag: '"a-1"',
        'Accept-Ranges': 'bytes',
        'X-Content-Type-Options': 'nosniff',
        'Content-Security-Policy': "sandbox; default-src 'none'",
        'Cross-Origin-Resource-Policy': 'same-origin',
        'Cache-Control': 'private, no-cache',
      },
    });
  });

  it('gives a HEAD the headers of a GET and no body', () => {
    const { body: _body, ...expected } = get();
    expect(contentReply(true, { range: 'bytes=1-2' }, FILE)).toEqual(expected);
  });

  it('sends nothing of an empty file, of which there is no range', () => {
    const empty = { ...FILE, size: 0 };
    expect(get({}, empty)).not.toHaveProperty('body');
    expect(get({}, empty).headers['Content-Length']).toBe(0);
    expect(() => get({ range: 'bytes=0-' }, empty)).toThrow(HttpError);
  });

  it('never sends more or other bytes than a range may mean', () => {
    const part = fc.option(fc.nat(150), { nil: '' });
    fc.assert(
      fc.property(part, part, fc.nat(120), (first, last, size) => {
        const all = [...Array.from({ length: size }).keys()];
        const wanted =
          first === ''
            ? all.slice(last === '' ? 0 : Math.max(0, size - Number(last)))
            : all.slice(Number(first), Number(last === '' ? size : last) + 1);
        const isRange = !(first === '' && last === '') && !(first !== '' && last !== '' && last < first);
        try {
          const { status, body } = get({ range: `bytes=${first}-${last}` }, { ...FILE, size });
          expect(status).toBe(isRange ? 206 : 200);
          if (typeof body === 'object') expect(all.slice(body.offset, body.offset + body.length)).toEqual(wanted);
        } catch (error) {
          expect(error).toMatchObject({ status: 416, headers: { 'Content-Range': `bytes */${size}` } });
          expect(isRange && (size === 0 || last === 0 || Number(first) >= size || wanted.length === 0)).toBe(true);
        }
      }),
    );
  });

  it.each(['"a-1"', 'W/"a-1"', '*', '"x", "a-1"', '"x,y" , W/"a-1"'])(
    'answers If-None-Match: %s with 304',
    (header) => {
      const reply = get({ 'if-none-match': header });
      expect([reply.status, reply.body, reply.headers['ETag']]).toEqual([304, undefined, '"a-1"']);
      expect(reply.headers).not.toHaveProperty('Content-Length');
    },
  );

  it.each(['"x"', 'a-1', '"a-1', '', '"x" "a-1"'])('sends the file for If-None-Match: %s', (header) => {
    expect(get({ 'if-none-match': header }).status).toBe(200);
  });

  it('passes over times, which programs can set', () => {
    expect(get({ 'if-modified-since': 'Fri, 02 Jan 2099 03:04:05 GMT' }).status).toBe(200);
    expect(get({ range: 'bytes=1-2', 'if-range': 'Fri, 02 Jan 2026 03:04:05 GMT' }).status).toBe(200);
  });

  it('sends a range for If-Range only while the file is the same to the byte', () => {
    expect(get({ range: 'bytes=1-2', 'if-range': '"a-1"' }).status).toBe(206);
    expect(get({ range: 'bytes=1-2', 'if-range': 'W/"a-1"' }).status).toBe(200);
    const { version: _version, ...unknown } = FILE;
    expect(get({ range: 'bytes=1-2', 'if-range': '"a-1"' }, unknown).status).toBe(200);
  });

  it('promises nothing of a file whose version is not known', () => {
    const { version: _version, ...unknown } = FILE;
    const reply = get({ 'if-none-match': '"a-1"' }, unknown);
    expect(reply.status).toBe(200);
    expect(reply.headers).not.toHaveProperty('ETag');
    expect(() => get({ 'if-match': '"a-1"' }, unknown)).toThrow(HttpError);
  });

  it('sends a directory as a tar of unknown length, whatever range is asked for', () => {
    const reply = get({ range: 'bytes=1-2' }, { ...FILE, path: '/workspace/tree', type: 'directory' });
    expect(reply).toMatchObject({ status: 200, body: 'whole' });
    expect(reply.headers).toMatchObject({
      'Content-Type': 'application/x-tar',
      'Content-Disposition': 'attachment; filename=tree.tar',
    });
    expect(reply.headers).not.toHaveProperty('Content-Length');
  });

  it('names any file so that a header stays one header and the name comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        const name = text.toWellFormed().replaceAll('/', '-').replaceAll('\0', '-');
        const header = String(get({}, { ...FILE, path: `/workspace/${name}` }).headers['Content-Disposition']);
        expect(header).toMatch(/^attachment; [\x20-\x7e]*$/);
        expect(parse(header).parameters['filename']).toBe(name);
      }),
    );
  });
});
