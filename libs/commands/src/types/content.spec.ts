import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { decodeContent } from './content.js';

describe('decodeContent', () => {
  it('takes text as UTF-8', () => {
    expect(decodeContent('größe ☃\n', 'utf8')?.toString('hex')).toBe(Buffer.from('größe ☃\n').toString('hex'));
  });

  it('gives back any bytes that were base64, padded or not, in lines or not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (array) => {
        const bytes = Buffer.from(array);
        const text = bytes.toString('base64');
        for (const form of [text, text.replace(/=+$/, ''), text.replace(/.{4}/g, '$&\r\n')]) {
          expect(decodeContent(form, 'base64')?.equals(bytes), form).toBe(true);
        }
      }),
    );
  });

  it('takes nothing for no bytes', () => {
    expect(decodeContent('', 'base64')).toHaveLength(0);
  });

  it.each(['a', 'abcde', 'ab!d', 'ab-_', 'QQ===', '====', 'Q=Q=', 'QUJD\0', 'größe', '{"a":1}', 'hello, world'])(
    'refuses %j instead of decoding a part of it',
    (text) => {
      expect(decodeContent(text, 'base64')).toBeUndefined();
    },
  );

  it.each(['=', '==', 'QUI==', 'QUJD='])('refuses the wrong padding of %j', (text) => {
    expect(decodeContent(text, 'base64')).toBeUndefined();
  });

  it('decodes all of a text or nothing, whatever stands in it', () => {
    const texts = fc.string({ unit: fc.constantFrom(...'ABQz09+/==-_! \né\0'.split('')), maxLength: 24 });
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = decodeContent(text, 'base64');
        if (!bytes) return;

        const digits = text.replaceAll(/[\s=]/g, '');
        const again = bytes.toString('base64').replace(/=+$/, '');
        // The last digit may have bits that stand for nothing.
        expect(again.slice(0, -1)).toBe(digits.slice(0, -1));
        expect(again).toHaveLength(digits.length);
      }),
      { numRuns: 2_000 },
    );
  });
});
