import type { HostConfig } from 'dockerode';
import { describe, expect, it } from 'vitest';

import type { SandboxSpec } from '#libs/runtime';

import { AGENT_MOUNT, containerConfig, type ContainerParts } from './container-config.js';

const MIB = 1_048_576;
/** What the agent itself may take, on top of what was asked for. */
const AGENT_MEMORY_BYTES = 24 * MIB;
const AGENT_PIDS = 48;

const SPEC: SandboxSpec = {
  image: 'codebeaker-python:latest',
  limits: {
    memoryBytes: 512 * MIB,
    cpus: 1.5,
    pids: 256,
    diskBytes: 100 * MIB,
    tmpBytes: 32 * MIB,
    openFiles: 500,
    network: 'none',
  },
  labels: { language: 'python' },
};
const OPTIONS = { serverId: 'server-1', seccompProfile: '{"defaultAction":"SCMP_ACT_ERRNO"}' };
const TMPFS: ContainerParts = { agentVolume: 'agent-volume', workspace: { kind: 'tmpfs' } };
const LOOP: ContainerParts = { agentVolume: 'agent-volume', workspace: { kind: 'loop-ext4', device: '/dev/loop7' } };

function hostConfig(parts: ContainerParts = TMPFS, limits: Partial<SandboxSpec['limits']> = {}): HostConfig {
  const config = containerConfig({ ...SPEC, limits: { ...SPEC.limits, ...limits } }, OPTIONS, parts).HostConfig;
  if (!config) throw new Error('there is no HostConfig');
  return config;
}

/** The options of a tmpfs by name; those without a value are true. */
function mountOptions(text = ''): Map<string, string | true> {
  return new Map(
    text.split(',').map((option) => {
      const [name = '', value] = option.split('=', 2);
      return [name, value ?? true];
    }),
  );
}

describe('the walls of a sandbox', () => {
  const walls: [wall: string, name: keyof HostConfig, value: unknown][] = [
    ['drops every capability', 'CapDrop', ['ALL']],
    ['gives the agent three capabilities and no more', 'CapAdd', ['SETUID', 'SETGID', 'KILL']],
    ['has no network', 'NetworkMode', 'none'],
    ['has a root that nobody can write to', 'ReadonlyRootfs', true],
    ['shares no memory with the host or others, and has no /dev/shm of the engine', 'IpcMode', 'none'],
    ['keeps no output on the host', 'LogConfig', { Type: 'none', Config: {} }],
    ['is removed by the engine when it dies', 'AutoRemove', true],
    ['does not come back by itself', 'RestartPolicy', { Name: 'no' }],
    ['has our agent as its first process, not another', 'Init', false],
  ];

  it.each(walls)('%s', (_wall, name, value) => {
    for (const parts of [TMPFS, LOOP]) expect(hostConfig(parts)[name]).toEqual(value);
  });

  it('cannot gain privileges, and is filtered by the profile that the server was given', () => {
    expect(hostConfig().SecurityOpt).toEqual(['no-new-privileges', `seccomp=${OPTIONS.seccompProfile}`]);
  });

  it.each([
    'Privileged',
    'Binds',
    'Devices',
    'DeviceRequests',
    'DeviceCgroupRules',
    'PidMode',
    'UTSMode',
    'UsernsMode',
    'CgroupParent',
    'VolumesFrom',
    'Links',
    'ExtraHosts',
    'PortBindings',
    'PublishAllPorts',
    'GroupAdd',
    'Sysctls',
    'OomKillDisable',
    'MaskedPaths',
    'ReadonlyPaths',
  ] as const)('does not loosen anything by %s', (name) => {
    for (const parts of [TMPFS, LOOP]) expect(hostConfig(parts)).not.toHaveProperty(name);
  });

  it.each([
    ['tmpfs', TMPFS],
    ['loop-ext4', LOOP],
  ])('mounts nothing of the host but volumes, the agent read-only (%s)', (_kind, parts) => {
    const [agent, ...others] = hostConfig(parts).Mounts ?? [];

    expect(agent).toMatchObject({ Type: 'volume', Source: 'agent-volume', Target: AGENT_MOUNT, ReadOnly: true });
    expect(agent?.VolumeOptions?.NoCopy).toBe(true);
    for (const mount of others) expect(mount).toMatchObject({ Type: 'volume', Source: '', Target: '/workspace' });
  });

  it('runs our agent and nothing of the image', () => {
    const { Entrypoint, Cmd, User, WorkingDir, Healthcheck, ...rest } = containerConfig(SPEC, OPTIONS, TMPFS);

    expect(Entrypoint).toEqual([`${AGENT_MOUNT}/agent`]);
    expect(Cmd).toEqual([]);
    expect(User).toBe('0:0');
    expect(WorkingDir).toBe('/');
    expect(Healthcheck).toEqual({ Test: ['NONE'] });
    expect(rest).not.toHaveProperty('Env');
    expect(rest).not.toHaveProperty('Volumes');
    expect(rest).not.toHaveProperty('ExposedPorts');
  });

  it('keeps its input open for every connection, without a terminal', () => {
    expect(containerConfig(SPEC, OPTIONS, TMPFS)).toMatchObject({ OpenStdin: true, StdinOnce: false, Tty: false });
  });
});

describe('the limits of a sandbox', () => {
  it('allows no swap: memory and swap together are memory', () => {
    for (const parts of [TMPFS, LOOP]) {
      const { Memory, MemorySwap } = hostConfig(parts);
      expect(MemorySwap).toBe(Memory);
      expect(Memory).toBeGreaterThan(0);
    }
  });

  it.each([
    ['loop-ext4', LOOP, (512 + 32) * MIB + AGENT_MEMORY_BYTES],
    ['tmpfs', TMPFS, (512 + 32 + 100) * MIB + AGENT_MEMORY_BYTES],
  ])(
    'gives memory as asked, and on top of it the share of the agent and of files that are memory (%s)',
    (_kind, parts, bytes) => {
      expect(hostConfig(parts).Memory).toBe(bytes);
    },
  );

  it('bounds processes, with the share of the agent', () => {
    expect(hostConfig(TMPFS, { pids: 10 }).PidsLimit).toBe(10 + AGENT_PIDS);
  });

  it.each([
    [1.5, 1_500_000_000],
    [0.01, 10_000_000],
    [0.1 + 0.2, 300_000_000],
    [3, 3_000_000_000],
  ])('bounds %f CPUs in whole billionths', (cpus, nanos) => {
    expect(hostConfig(TMPFS, { cpus }).NanoCpus).toBe(nanos);
  });

  it('weighs CPU time only where it was asked to', () => {
    expect(hostConfig()).not.toHaveProperty('CpuShares');
    expect(hostConfig(TMPFS, { cpuShares: 512 }).CpuShares).toBe(512);
  });

  it('bounds open files and makes no core dumps', () => {
    expect(hostConfig().Ulimits).toEqual([
      { Name: 'nofile', Soft: 500, Hard: 4096 },
      { Name: 'core', Soft: 0, Hard: 0 },
    ]);
  });
});

describe('what a sandbox may write to', () => {
  it('is a bounded /tmp, from which programs may run but gain nothing', () => {
    for (const parts of [TMPFS, LOOP]) {
      const options = mountOptions(hostConfig(parts).Tmpfs?.['/tmp']);
      expect([...options.keys()]).toEqual(expect.arrayContaining(['rw', 'exec', 'nosuid', 'nodev']));
      expect(options.get('size')).toBe(String(32 * MIB));
      expect(options.get('mode')).toBe('1777');
    }
  });

  it('is a bounded /dev/shm, from which nothing runs', () => {
    for (const parts of [TMPFS, LOOP]) {
      const options = mountOptions(hostConfig(parts).Tmpfs?.['/dev/shm']);
      expect([...options.keys()]).toEqual(expect.arrayContaining(['rw', 'noexec', 'nosuid', 'nodev']));
      expect(options.get('size')).toBe(String(64 * MIB));
      expect(options.get('mode')).toBe('1777');
    }
  });

  it.each([
    ['/tmp', 32, 4_096],
    ['/dev/shm', 64, 8_192],
    ['/workspace', 100, 12_800],
    ['/workspace', 1, 1_024],
  ])('holds so many files at most: %s of %i MiB has %i inodes', (path, mib, inodes) => {
    const limits = path === '/workspace' ? { diskBytes: mib * MIB } : {};
    expect(mountOptions(hostConfig(TMPFS, limits).Tmpfs?.[path]).get('nr_inodes')).toBe(String(inodes));
  });

  it('is a /workspace of the size that was asked for, as a tmpfs of the sandbox user', () => {
    const options = mountOptions(hostConfig(TMPFS).Tmpfs?.['/workspace']);

    expect([...options.keys()]).toEqual(expect.arrayContaining(['rw', 'exec', 'nosuid', 'nodev']));
    expect(options.get('size')).toBe(String(100 * MIB));
    expect(options.get('uid')).toBe('10001');
    expect(options.get('gid')).toBe('10001');
    expect(options.get('mode')).toBe('0755');
  });

  it('is a /workspace on a loop device instead, and then no tmpfs', () => {
    const { Tmpfs, Mounts } = hostConfig(LOOP);

    expect(Object.keys(Tmpfs ?? {})).toEqual(['/tmp', '/dev/shm']);
    expect(Mounts?.[1]).toEqual({
      Type: 'volume',
      Source: '',
      Target: '/workspace',
      VolumeOptions: {
        NoCopy: true,
        Labels: { codebeaker: 'server-1' },
        DriverConfig: { Name: 'local', Options: { type: 'ext4', device: '/dev/loop7', o: 'nosuid,nodev' } },
      },
    });
  });

  it('is nothing besides those', () => {
    expect(Object.keys(hostConfig(TMPFS).Tmpfs ?? {}).sort()).toEqual(['/dev/shm', '/tmp', '/workspace']);
    expect(hostConfig(TMPFS).Mounts).toHaveLength(1);
    expect(hostConfig(LOOP).Mounts).toHaveLength(2);
  });
});

describe('the labels of a sandbox', () => {
  it('tell the server, and what the spec says under our prefix', () => {
    expect(containerConfig(SPEC, OPTIONS, TMPFS).Labels).toEqual({
      codebeaker: 'server-1',
      'codebeaker.language': 'python',
    });
  });

  it('never let a spec say whose server it is', () => {
    const labels = { codebeaker: 'another', '': 'x' };

    expect(containerConfig({ ...SPEC, labels }, OPTIONS, TMPFS).Labels?.['codebeaker']).toBe('server-1');
  });
});

describe('the OCI runtime', () => {
  it('is the engine’s own, or the one of the options', () => {
    expect(hostConfig()).not.toHaveProperty('Runtime');
    expect(containerConfig(SPEC, { ...OPTIONS, ociRuntime: 'runsc' }, TMPFS).HostConfig?.Runtime).toBe('runsc');
  });
});
