import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { findLanguage, type Language, type Sandbox } from '#libs/runtime';

import { Session, type SessionIdentity } from './session.js';
import { readClaim, writeClaim } from './session-claim.js';
import { SESSION_DEFAULTS, type SessionConfig } from './session-config.js';

function session(identity: Partial<SessionIdentity> = {}, config: Partial<SessionConfig> = {}): Session {
  return new Session(
    {
      id: 's_1',
      language: findLanguage('nodejs') as Language,
      requestedLanguage: 'ts',
      env: { A: 'b' },
      labels: { team: 'x' },
      name: 'mine',
      createdAt: new Date('2026-01-02T03:04:05.678Z'),
      hidden: false,
      ...identity,
    },
    {} as Sandbox,
    { ...SESSION_DEFAULTS, ...config },
    () => undefined,
  );
}

describe('a claim', () => {
  it('says everything that rebuilds a session', () => {
    const written = session({}, { idleTimeoutMinutes: 0.5, cpuShares: 512, dockerImage: 'ours:1' });
    written.begin();
    written.lastActivity = new Date('2026-01-02T04:00:00.001Z');

    expect(readClaim(writeClaim(written))).toEqual({
      identity: written.identity,
      config: written.config,
      lastActivity: new Date('2026-01-02T04:00:00.001Z'),
      ages: { lifetimeMs: expect.any(Number), idleMs: 0 },
      executionCount: 1,
    });
  });

  it('adds to the ages what has passed since it was told', () => {
    const written = session();
    written.begin();
    const claim = writeClaim(written);
    const now = readClaim(claim);

    expect(now?.ages.lifetimeMs).toBeGreaterThanOrEqual(0);
    expect(readClaim(claim, 5_000)?.ages).toEqual({
      lifetimeMs: (now?.ages.lifetimeMs ?? 0) + 5_000,
      idleMs: 5_000,
    });
  });

  it('gives the language as it was asked for', () => {
    expect(readClaim(writeClaim(session()))?.identity).toMatchObject({
      requestedLanguage: 'ts',
      language: { name: 'nodejs' },
    });
  });

  it('says that a session is hidden', () => {
    expect(readClaim(writeClaim(session({ hidden: true })))?.identity.hidden).toBe(true);
  });

  it('makes no name for a session without one', () => {
    const { name: _name, ...identity } = session().identity;
    const claim = readClaim(writeClaim(new Session(identity, {} as Sandbox, SESSION_DEFAULTS, () => undefined)));

    expect(claim?.identity).not.toHaveProperty('name');
  });

  it('keeps any text', () => {
    const texts = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 5 });
    fc.assert(
      fc.property(texts, texts, fc.string({ unit: 'binary' }), (env, labels, name) => {
        const read = readClaim(writeClaim(session({ env, labels, name })));

        expect(read?.identity.env).toEqual({ ...env });
        expect(read?.identity.labels).toEqual({ ...labels });
        expect(read?.identity.name).toBe(name);
      }),
      { numRuns: 50 },
    );
  });

  it('is none where nobody has claimed', () => {
    expect(readClaim(Buffer.alloc(0))).toBeUndefined();
  });

  it.each([
    ['of another version', { version: 1 }],
    ['of a language that is no more', { language: 'cobol' }],
  ])('is none %s', (_what, changes) => {
    const claim = JSON.parse(writeClaim(session()).toString()) as object;

    expect(readClaim(Buffer.from(JSON.stringify({ ...claim, ...changes })))).toBeUndefined();
  });
});
