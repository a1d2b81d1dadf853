import { describe, expect, it } from 'vitest';

import { LineReader, parseMessage } from './messages.js';

describe('parseMessage', () => {
  it.each([
    ['{"pong":3,"count":2}', { kind: 'pong', id: 3, count: 2 }],
    ['{"started":4}', { kind: 'started', id: 4 }],
    [
      '{"id":4,"result":{"text/plain":"2","image/svg+xml":"<svg/>"}}',
      { kind: 'result', id: 4, result: { 'text/plain': '2', 'image/svg+xml': '<svg/>' }, truncated: false },
    ],
    ['{"done":4,"count":5,"error":null}', { kind: 'done', id: 4, count: 5, error: null }],
    [
      '{"done":4,"count":5,"error":{"name":"E","message":7}}',
      { kind: 'done', id: 4, count: 5, error: { name: 'E', message: '', traceback: '' } },
    ],
  ])('reads %s', (line, message) => {
    expect(parseMessage(line)).toEqual(message);
  });

  it.each(['', 'x', '{', '[]', 'null', '7', '{}', '{"started":"4"}', '{"done":4}', '{"id":4,"result":"text"}'])(
    'takes %j for nothing',
    (line) => {
      expect(parseMessage(line)).toBeUndefined();
    },
  );

  it('leaves out what is no MIME type', () => {
    const message = parseMessage('{"id":1,"result":{"__proto__":1,"text/plain":"a","":"b","a b/c":"d"}}');

    expect(message).toMatchObject({ result: { 'text/plain': 'a' } });
  });
});

describe('LineReader', () => {
  function reader(maxBytes = 100) {
    const lines: string[] = [];
    let tooLong = 0;
    const read = new LineReader(
      maxBytes,
      (line) => lines.push(line),
      () => tooLong++,
    );
    return { read, lines, tooLong: () => tooLong };
  }

  it('finds the same lines however the bytes are cut', () => {
    const bytes = Buffer.from('one\n\nzwölf ☃\nrest');
    for (let size = 1; size <= bytes.length; size++) {
      const { read, lines } = reader();
      for (let at = 0; at < bytes.length; at += size) read.push(bytes.subarray(at, at + size));

      expect(lines, `pieces of ${size}`).toEqual(['one', '', 'zwölf ☃']);
    }
  });

  it('tells of a line that is too long, and forgets it', () => {
    const { read, lines, tooLong } = reader(5);
    read.push(Buffer.from('123'));
    read.push(Buffer.from('456'));
    expect(tooLong()).toBe(1);

    read.push(Buffer.from('x\nnext\n'));
    expect(lines).toEqual(['x', 'next']);
  });

  it('keeps nothing of the bytes that it was given', () => {
    const { read, lines } = reader();
    const bytes = Buffer.from('abc');
    read.push(bytes);
    bytes.fill(0);
    read.push(Buffer.from('\n'));

    expect(lines).toEqual(['abc']);
  });
});
