import { describe, expect, it } from 'vitest';

import { DomainError } from './domain-error.js';
import { completeConfig, requireLanguage, requireWithin, sandboxLimits } from './limits.js';
import type { SessionsOptions } from './options.js';
import { type CreateSessionRequest, SESSION_DEFAULTS } from './session-config.js';
import { SESSION_OPTIONS } from './testing/session-options.js';

const OPTIONS = {
  ...SESSION_OPTIONS,
  allowedImages: ['ours:1', 'registry.example/theirs@sha256:00'],
} satisfies SessionsOptions;

const complete = (request: Partial<CreateSessionRequest> = {}, options: Partial<SessionsOptions> = {}) =>
  completeConfig({ language: 'python', ...request }, { ...OPTIONS, ...options });

function refusalOf(work: () => unknown): DomainError {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('completeConfig', () => {
  it('fills in the defaults of API.md', () => {
    expect(complete()).toEqual({
      idleTimeoutMinutes: 30,
      maxLifetimeMinutes: 120,
      memoryLimitMB: 512,
      cpuLimit: 1,
      pidsLimit: 256,
      openFilesLimit: 1024,
      diskLimitMB: 1024,
      tmpLimitMB: 64,
      network: 'none',
    });
  });

  it('keeps what was asked for, and leaves out what is no setting', () => {
    const asked = {
      idleTimeoutMinutes: 1,
      maxLifetimeMinutes: 2,
      memoryLimitMB: 64,
      cpuLimit: 0.5,
      cpuShares: 256,
      pidsLimit: 8,
      openFilesLimit: 100,
      diskLimitMB: 16,
      tmpLimitMB: 4,
      network: 'none',
      dockerImage: 'ours:1',
    } as const;

    expect(complete({ ...asked, env: { A: 'b' }, labels: { c: 'd' }, name: 'e' })).toEqual(asked);
  });

  it('takes undefined for not asked', () => {
    expect(complete({ memoryLimitMB: undefined, dockerImage: undefined })).toEqual(SESSION_DEFAULTS);
  });

  it('lowers a default to what the server gives, so that nobody is refused for asking nothing', () => {
    const small = {
      maxMemoryMB: 256,
      maxCpus: 0.5,
      maxPids: 32,
      maxOpenFiles: 128,
      maxDiskMB: 100,
      maxTmpMB: 16,
      maxLifetimeMinutes: 10,
    };

    expect(complete({}, small)).toMatchObject({
      memoryLimitMB: 256,
      cpuLimit: 0.5,
      pidsLimit: 32,
      openFilesLimit: 128,
      diskLimitMB: 100,
      tmpLimitMB: 16,
      maxLifetimeMinutes: 10,
    });
  });

  it.each([
    ['memoryLimitMB', 4096],
    ['cpuLimit', 4],
    ['pidsLimit', 1000],
    ['openFilesLimit', 5000],
    ['diskLimitMB', 8192],
    ['tmpLimitMB', 512],
    ['maxLifetimeMinutes', 600],
  ] as const)('gives at most what the server allows of %s, and names it where it refuses', (quota, limit) => {
    expect(complete({ [quota]: limit })[quota]).toBe(limit);

    const refusal = refusalOf(() => complete({ [quota]: limit + 0.5 }));
    expect(refusal.reason).toBe('quota_exceeded');
    expect(refusal.data).toEqual({ quota, limit });
    expect(refusal.message).toContain(quota);
    expect(refusal.message).toContain(String(limit));
  });

  it.each(['ours:1', 'registry.example/theirs@sha256:00'])('allows the image %s that is on the list', (dockerImage) => {
    expect(complete({ dockerImage }).dockerImage).toBe(dockerImage);
  });

  it.each(['ours', 'ours:2', 'OURS:1', 'ours:1 ', '', 'docker.io/ours:1'])(
    'forbids the image %j that is not',
    (dockerImage) => {
      const refusal = refusalOf(() => complete({ dockerImage }));

      expect(refusal.reason).toBe('forbidden');
      expect(refusal.data).toEqual({ image: dockerImage });
    },
  );

  // `network: null` becomes NetworkMode null, which is the engine's own default: a network. Null CPUs, and a null size of
  // a tmpfs, are no limit at all. @IsOptional() lets null pass.
  it.each([
    'network',
    'memoryLimitMB',
    'cpuLimit',
    'pidsLimit',
    'openFilesLimit',
    'diskLimitMB',
    'tmpLimitMB',
    'maxLifetimeMinutes',
    'idleTimeoutMinutes',
  ])('never lets a client take a wall away by a null for %s', (setting) => {
    const config = (() => {
      try {
        return complete({ [setting]: null });
      } catch {
        return undefined;
      }
    })();

    // Refused, or taken for not asked: both are fine.
    if (config) expect(config).toEqual(SESSION_DEFAULTS);
  });
});

describe('requireWithin', () => {
  it('refuses what is no number', () => {
    expect(refusalOf(() => requireWithin('cpuLimit', Number.NaN, 4)).reason).toBe('quota_exceeded');
  });
});

describe('requireLanguage', () => {
  it('finds a language by an alias', () => {
    expect(requireLanguage('c#').name).toBe('dotnet');
  });

  it('names the languages that there are when there is no such one', () => {
    const refusal = refusalOf(() => requireLanguage('cobol'));

    expect(refusal.reason).toBe('unsupported_language');
    expect(refusal.data).toEqual({ supported: ['python', 'python-data', 'nodejs', 'go', 'dotnet'] });
    expect(refusal.message).toContain('"cobol"');
  });
});

describe('sandboxLimits', () => {
  it('says the same in bytes', () => {
    expect(sandboxLimits({ ...SESSION_DEFAULTS, memoryLimitMB: 64, diskLimitMB: 10, tmpLimitMB: 2 })).toEqual({
      memoryBytes: 67_108_864,
      cpus: 1,
      pids: 256,
      diskBytes: 10_485_760,
      tmpBytes: 2_097_152,
      openFiles: 1024,
      network: 'none',
    });
  });

  it('passes a CPU weight on where there is one', () => {
    expect(sandboxLimits({ ...SESSION_DEFAULTS, cpuShares: 512 }).cpuShares).toBe(512);
  });
});
