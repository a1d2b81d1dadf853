import { describe, expect, it } from 'vitest';

import { wholeCharacters } from './kept-output.js';

describe('wholeCharacters', () => {
  it('ends behind the last whole character, wherever a text is cut', () => {
    const text = 'aé☃😀z';
    const bytes = Buffer.from(text);
    const ends = new Set(
      Array.from(text).reduce<number[]>((all, char) => [...all, (all.at(-1) ?? 0) + Buffer.byteLength(char)], [0]),
    );
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = wholeCharacters(bytes.subarray(0, cut));

      expect(ends.has(whole), `cut at ${cut}`).toBe(true);
      expect(cut - whole).toBeLessThan(4);
    }
  });

  it.each([
    ['', 0],
    ['80', 1],
    ['8080', 2],
    ['80808080', 4],
    ['ff', 0],
    ['61ff61', 3],
  ])('leaves bytes that are no text as they are, but for a beginning at the end (%s)', (hex, whole) => {
    expect(wholeCharacters(Buffer.from(hex, 'hex'))).toBe(whole);
  });
});
