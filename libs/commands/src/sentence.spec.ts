import { describe, expect, it } from 'vitest';

import { sentence } from './sentence.js';

describe('sentence', () => {
  it('has a capital and a full stop', () => {
    expect(sentence('there is no program x')).toBe('There is no program x.');
    expect(sentence('is it there?')).toBe('Is it there?');
  });

  it.each([
    ['an escape', 'a\u001B[2Jb', 'A\\u001b[2Jb.'],
    ['a newline', 'a\nb', 'A\\u000ab.'],
    ['a C1 control', 'a\u009B6nb', 'A\\u009b6nb.'],
    ['a bidi mark', 'a\u202Etxt.exe', 'A\\u202etxt.exe.'],
  ])('shows %s, and does not pass it on', (_, message, shown) => {
    expect(sentence(message)).toBe(shown);
  });

  it('leaves every other character as it is', () => {
    expect(sentence('ünïcödé 日本語 🚀 "quoted"')).toBe('Ünïcödé 日本語 🚀 "quoted".');
  });
});
