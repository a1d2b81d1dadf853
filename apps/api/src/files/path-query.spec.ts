import { describe, expect, it } from 'vitest';

import { pathQuery } from './path-query.js';

describe('pathQuery', () => {
  it.each([
    ['/f?path=a', 'a'],
    ['/f?path=a%2Fb%20c+d', 'a/b c d'],
    ['/f?path=a=b', 'a=b'],
    ['/f?path=%2525', '%25'],
    ['/f?&path=%C3%BC%EF%BF%BD&', 'ü\ufffd'],
    ['/f?%70ath=a?b', 'a?b'],
  ])('finds in %s the path %s', (url, path) => {
    expect(pathQuery(url)).toBe(path);
  });

  it.each([
    '/f',
    '/f?',
    '/f?path',
    '/f?path=',
    '/f?path=a&path=b',
    '/f?path[]=a',
    '/f?path=a&b=c',
    '/f?path=%FF',
    '/f?path=%2',
  ])('refuses %s', (url) => {
    expect(() => pathQuery(url)).toThrow(expect.objectContaining({ status: 400, reason: 'invalid_params' }) as Error);
  });
});
