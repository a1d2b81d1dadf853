import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';

import { isMisnamed, judgeOrigin } from './origin.js';

const asked = (headers: Record<string, string>) => ({ headers }) as unknown as IncomingMessage;

describe('judgeOrigin', () => {
  it.each([
    ['a program, which names none', { host: '127.0.0.1:5000' }],
    ['a program that names the server itself', { host: '127.0.0.1:5000', origin: 'http://127.0.0.1:5000' }],
    ['the same by its other names', { host: 'localhost:5000', origin: 'http://localhost:5000' }],
    ['the same by IPv6', { host: '[::1]:5000', origin: 'http://[::1]:5000' }],
    ['a page that is on the list', { host: '127.0.0.1:5000', origin: 'https://ours.example' }],
  ])('lets %s in', (_who, headers) => {
    expect(judgeOrigin(asked(headers), ['https://ours.example'])).toEqual({ ok: true });
  });

  it.each([
    ['a page of somebody else', { host: '127.0.0.1:5000', origin: 'http://evil.example' }],
    ['a page of another port', { host: '127.0.0.1:5000', origin: 'http://127.0.0.1:8080' }],
    ['a name that was made to point here', { host: 'evil.example:5000', origin: 'http://evil.example:5000' }],
    ['a page that hides', { host: '127.0.0.1:5000', origin: 'null' }],
  ])('keeps %s out', (_who, headers) => {
    expect(judgeOrigin(asked(headers), ['https://ours.example'])).toMatchObject({ ok: false, status: 403 });
  });
});

describe('isMisnamed', () => {
  const called = (host: string, localAddress: string, localFamily = 'IPv4') =>
    isMisnamed({ headers: { host }, socket: { localAddress, localFamily } } as unknown as IncomingMessage, [
      'https://ours.example',
    ]);

  it.each([
    ['evil.example:5000', '127.0.0.1', 'IPv4'],
    ['evil.example', '::1', 'IPv6'],
    ['127.0.0.1.evil.example:5000', '127.0.0.1', 'IPv4'],
    ['ours.example.evil.example', '127.0.0.1', 'IPv4'],
    ['%', '127.0.0.1', 'IPv4'],
  ])('is %s at %s', (host, address, family) => {
    expect(called(host, address, family)).toBe(true);
  });

  it.each([
    ['localhost:5000', '127.0.0.1', 'IPv4'],
    ['127.0.0.1:5000', '127.0.0.1', 'IPv4'],
    ['[::1]:5000', '::1', 'IPv6'],
    ['ours.example', '127.0.0.1', 'IPv4'],
    ['codebeaker:5000', '172.18.0.2', 'IPv4'],
  ])('is not %s at %s', (host, address, family) => {
    expect(called(host, address, family)).toBe(false);
  });
});
