import { describe, expect, it } from 'vitest';

import { type Answers, engineFacts } from './engine-facts.js';

const NOW = Date.parse('2026-11-24T12:00:00Z');
const ANSWERS: Answers = {
  info: {
    Name: 'here',
    KernelVersion: '6.18.44',
    OperatingSystem: 'Some Linux',
    CgroupVersion: '2',
    MemoryLimit: true,
    SwapLimit: true,
    PidsLimit: true,
    CpuCfsQuota: false,
    SecurityOptions: ['name=seccomp,profile=default'],
    DefaultRuntime: 'runc',
    Runtimes: { crun: { path: 'crun' }, runc: { path: 'runc' } },
    DockerRootDir: '/var/lib/docker',
    SystemTime: '2026-11-24T12:00:03.5Z',
  },
  version: {
    Platform: { Name: 'Docker Desktop 4.44.3 (1)' },
    Components: [{ Name: 'runc', Version: '1.5.2', Details: { GitCommit: 'v1.5.2-0-gabc' } }, { Name: 'Engine' }],
  },
  dockerHost: 'unix:///var/run/docker.sock',
  hostName: 'here',
  now: NOW,
};

describe("an engine's facts", () => {
  it('are taken from what it says', () => {
    expect(engineFacts(ANSWERS)).toEqual({
      product: 'Docker Desktop 4.44.3 (1)',
      components: [
        { name: 'runc', version: '1.5.2', build: 'v1.5.2-0-gabc' },
        { name: 'Engine', version: '', build: '' },
      ],
      kernel: '6.18.44',
      operatingSystem: 'Some Linux',
      isLocal: true,
      reachedBy: 'socket',
      socket: '/var/run/docker.sock',
      cgroupVersion: '2',
      enforces: { memory: true, swap: true, pids: true, cpu: false },
      securityOptions: ['name=seccomp,profile=default'],
      defaultRuntime: 'runc',
      runtimes: ['crun', 'runc'],
      rootDirectory: '/var/lib/docker',
      clockOffsetMs: 3500,
    });
  });

  it.each([
    ['tcp://here:2375', 'tcp'],
    ['http://here:2375', 'tcp'],
    ['https://here:2376', 'tls'],
  ])('of %s are those of another machine, reached by %s', (dockerHost, reachedBy) => {
    const facts = engineFacts({ ...ANSWERS, dockerHost });

    expect(facts).toMatchObject({ isLocal: false, reachedBy });
    expect(facts).not.toHaveProperty('socket');
  });

  it('of a socket that leads to another machine are that machine’s', () => {
    expect(engineFacts({ ...ANSWERS, hostName: 'elsewhere' })).toMatchObject({ isLocal: false, reachedBy: 'socket' });
  });

  it('say nothing where it says nothing', () => {
    const facts = engineFacts({ ...ANSWERS, info: null, version: undefined });

    expect(facts).toMatchObject({ product: 'docker', components: [], kernel: '', securityOptions: [], runtimes: [] });
    expect(facts).not.toHaveProperty('clockOffsetMs');
  });
});
