import { describe, expect, it } from 'vitest';

import type { Verdict } from '../finding.js';
import type { Host, LimitFacts } from '../host.js';
import {
  GOOD_HOST,
  withComponent,
  withEngine,
  withKernel,
  withMachine,
  withProbes,
  withSandbox,
} from '../testing/hosts.js';
import { CHECKS } from './index.js';

const MIB = 1_048_576;

function judge(id: string, host: Host) {
  const check = CHECKS.find((one) => one.id === id);
  if (!check) throw new Error(`there is no check ${id}`);
  return check.judge(host);
}

const limit = (changes: Partial<LimitFacts>): LimitFacts => ({
  limit: 16 * MIB,
  reached: 15 * MIB,
  endReason: 'ENOSPC',
  ...changes,
});
const disk = { path: '/data', freeBytes: 50 * 1024 * MIB, totalBytes: 1e12, freeInodes: 50, totalInodes: 100 };
const settings = GOOD_HOST.settings;

describe('every check', () => {
  it('has an id and a title of its own', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
    expect(new Set(CHECKS.map(({ title }) => title)).size).toBe(CHECKS.length);
  });

  it.each(CHECKS.map(({ id }) => [id]))('finds nothing wrong with a good host: %s', (id) => {
    expect(judge(id, GOOD_HOST)).toMatchObject({ verdict: 'ok', found: expect.stringMatching(/\S/), mend: '' });
  });
});

describe('a check', () => {
  it.each<[string, string, Verdict, Host, RegExp]>([
    ['runtime', 'an old runc', 'fail', withComponent('runc', '1.1.11'), /1\.1\.11/],
    ['runtime', 'a runc of a distribution', 'unknown', withComponent('runc', '1.1.5+ds1'), /vendor-patched/],
    ['runtime', 'another runtime', 'unknown', { ...GOOD_HOST, settings: { ...settings, ociRuntime: 'crun' } }, /crun/],
    ['runtime', 'gVisor', 'fail', { ...GOOD_HOST, settings: { ...settings, ociRuntime: 'runsc' } }, /setfsuid/],
    ['containerd', 'no word on its version', 'unknown', withEngine({ components: [] }), /does not tell its version/],
    ['engine', 'an old engine', 'warn', withComponent('Engine', '28.5.2'), /archive|copies files/],
    ['engine', 'an old Docker Desktop', 'warn', withEngine({ product: 'Docker Desktop 4.44.2 (202017)' }), /9074/],
    ['kernel', 'an old kernel', 'fail', withEngine({ kernel: '5.15.0' }), /Dirty Pipe/],
    ['engine-access', 'TCP', 'fail', withEngine({ reachedBy: 'tcp' }), /TLS/],
    ['engine-access', 'an open port', 'fail', withMachine({ openEngines: ['10.0.0.1:2375'] }), /10\.0\.0\.1:2375/],
    ['engine-access', 'an open socket', 'fail', withMachine({ socketMode: 0o666 }), /666/],
    ['seccomp', 'no filter in the engine', 'fail', withEngine({ securityOptions: [] }), /does not apply/],
    ['seccomp', 'no filter in the sandbox', 'fail', withSandbox({ status: { Seccomp: '0' } }), /Seccomp: 0/],
    ['seccomp', 'a door that is open', 'fail', withSandbox({ doors: { bpf: 'allowed' } }), /bpf/],
    ['security-module', 'none', 'warn', withEngine({ securityOptions: ['name=seccomp'] }), /neither/],
    ['cgroups', 'version 1', 'warn', withEngine({ cgroupVersion: '1' }), /Version 1/],
    [
      'cgroups',
      'no pids controller',
      'fail',
      withEngine({ enforces: { memory: true, swap: true, pids: false, cpu: true } }),
      /pids/,
    ],
    [
      'swap',
      'swap that cannot be limited',
      'warn',
      {
        ...withKernel({ swapBytes: 1 }),
        engine: { ...GOOD_HOST.engine, enforces: { ...GOOD_HOST.engine.enforces, swap: false } },
      },
      /swap/,
    ],
    ['clock', 'an engine a minute ahead', 'warn', withEngine({ clockOffsetMs: 60_000 }), /60 s/],
    ['disk-space', 'little room', 'warn', withMachine({ disks: [{ ...disk, freeBytes: 2048 * MIB }] }), /2\.0 of/],
    ['disk-space', 'no room', 'fail', withMachine({ disks: [{ ...disk, freeBytes: MIB }] }), /0\.0 of/],
    ['disk-space', 'few inodes', 'warn', withMachine({ disks: [{ ...disk, freeInodes: 1 }] }), /1 %/],
    [
      'core-pattern',
      'a program for core dumps',
      'warn',
      withKernel({ corePattern: '|/usr/share/apport/apport %p' }),
      /apport as root/,
    ],
    [
      'kernel-settings',
      'BPF for all',
      'warn',
      withKernel({ sysctls: { 'kernel.unprivileged_bpf_disabled': 0 } }),
      /BPF/,
    ],
    ...['fs.protected_symlinks', 'fs.protected_hardlinks', 'fs.protected_fifos', 'kernel.kptr_restrict'].map(
      (name): [string, string, Verdict, Host, RegExp] => [
        'kernel-settings',
        `${name}=0`,
        'warn',
        withKernel({ sysctls: { [name]: 0 } }),
        new RegExp(`^${name}=0: `),
      ],
    ),
    [
      'shared-limits',
      'few inotify instances',
      'warn',
      withKernel({ sysctls: { 'fs.inotify.max_user_instances': 128 } }),
      /128/,
    ],
    ['cpu', 'a weakness', 'warn', withKernel({ cpuWeaknesses: { mds: 'Vulnerable: no microcode' } }), /mds/],
    ['sandbox', 'none to be had', 'fail', { ...GOOD_HOST, probes: 'The image is not there.' }, /image is not there/],
    ['privileges', 'root', 'fail', withSandbox({ uid: 0 }), /root/],
    ['privileges', 'a capability', 'fail', withSandbox({ status: { NoNewPrivs: '1', CapEff: '0c0' } }), /CapEff/],
    ['user-namespace', 'none', 'warn', withSandbox({ uidMap: '0 0 4294967295' }), /those of the host/],
    ['network', 'a way out', 'fail', withSandbox({ reached: ['172.17.0.1:2375'] }), /172\.17\.0\.1:2375/],
    ['network', 'an interface', 'warn', withSandbox({ interfaces: ['lo', 'eth0'] }), /eth0/],
    ['disk-limit', 'more than allowed', 'fail', withProbes({ disk: limit({ reached: 32 * MIB }) }), /wrote 32\.0 MiB/],
    ['disk-limit', 'another error', 'fail', withProbes({ tmp: limit({ endReason: 'EIO' }) }), /\/tmp/],
    ['disk-limit', 'the next best way', 'warn', withProbes({ diskLimitKind: 'tmpfs' }), /tmpfs/],
    ['memory-limit', 'none', 'fail', withProbes({ memory: limit({ endReason: 'exited' }) }), /exited/],
    [
      'pids-limit',
      'none',
      'fail',
      withProbes({ pids: { limit: 24, reached: 1000, endReason: 'exited' } }),
      /limit of 24, and 48 on top.* 1000/,
    ],
    ['cpu-limit', 'another one', 'fail', withSandbox({ cpus: 2 }), /2\./],
  ])('%s says of %s: %s', (id, _what, verdict, host, found) => {
    const judged = judge(id, host);

    expect(judged).toMatchObject({ verdict, found: expect.stringMatching(found) });
    expect(judged.mend).toMatch(/\S/);
  });

  it('takes Debian’s word for its kernel’s real version', () => {
    const { machine } = withKernel({ build: '#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-01)' });
    const host = { ...withEngine({ kernel: '6.1.0-42-amd64' }), ...(machine ? { machine } : {}) };

    expect(judge('kernel', host)).toMatchObject({ verdict: 'ok', found: expect.stringContaining('6.1.192') });
  });

  it('accepts a tmpfs that was asked for', () => {
    const host = { ...withProbes({ diskLimitKind: 'tmpfs' }), settings: { ...settings, diskLimit: 'tmpfs' as const } };

    expect(judge('disk-limit', host).verdict).toBe('ok');
  });

  it('accepts a tmpfs where users are remapped', () => {
    const { engine } = withEngine({ securityOptions: ['name=seccomp', 'name=userns'] });
    const host = { ...withProbes({ diskLimitKind: 'tmpfs' }), engine };

    expect(judge('disk-limit', host).verdict).toBe('ok');
  });

  it('does not hold the host’s kernel against sandboxes that have their own', () => {
    const host = { ...withEngine({ kernel: '5.15.0' }), settings: { ...settings, ociRuntime: 'kata' } };

    expect(judge('kernel', host)).toMatchObject({ verdict: 'ok', found: expect.stringContaining('kata') });
  });

  it.each(['privileges', 'network', 'disk-limit', 'memory-limit'])('%s knows nothing without a sandbox', (id) => {
    expect(judge(id, { ...GOOD_HOST, probes: 'none' }).verdict).toBe('unknown');
  });
});
