import type { Host, KernelFacts, MachineFacts, ProbeFacts } from '../host.js';

const MIB = 1_048_576;
const GIB = 1024 * MIB;

const KERNEL: KernelFacts = {
  build: '#1 SMP PREEMPT_DYNAMIC',
  corePattern: 'core',
  swapBytes: 0,
  sysctls: {
    'kernel.dmesg_restrict': 1,
    'kernel.unprivileged_bpf_disabled': 2,
    'kernel.perf_event_paranoid': 3,
    'fs.protected_symlinks': 1,
    'fs.protected_hardlinks': 1,
    'fs.protected_fifos': 1,
    'fs.protected_regular': 2,
    'kernel.kptr_restrict': 1,
    'fs.inotify.max_user_instances': 8192,
  },
  cpuWeaknesses: { meltdown: 'Not affected', spectre_v2: 'Mitigation: Retpolines' },
};

const MACHINE: MachineFacts = {
  kernel: KERNEL,
  disks: [{ path: '/var/lib/docker', freeBytes: 100 * GIB, totalBytes: 200 * GIB, freeInodes: 90, totalInodes: 100 }],
  socketMode: 0o660,
  openEngines: [],
  packages: {},
};

const PROBES: ProbeFacts = {
  sandbox: {
    uid: 10_001,
    status: { Seccomp: '2', NoNewPrivs: '1', CapInh: '000', CapPrm: '000', CapEff: '000', CapAmb: '000' },
    uidMap: '         0     100000      65536\n',
    doors: { AF_ALG: 'EPERM', AF_RXRPC: 'EPERM', 'user namespace': 'EPERM', bpf: 'ENOSYS' },
    interfaces: ['lo'],
    reached: [],
    tried: 20,
    cpus: 0.5,
    clockOffsetMs: 3,
    kernel: KERNEL,
  },
  diskLimitKind: 'loop-ext4',
  cpuLimit: 0.5,
  disk: { limit: 16 * MIB, reached: 15 * MIB, endReason: 'ENOSPC' },
  tmp: { limit: 4 * MIB, reached: 4 * MIB, endReason: 'ENOSPC' },
  memory: { limit: 64 * MIB, reached: 80 * MIB, endReason: 'out_of_memory' },
  pids: { limit: 24, reached: 33, endReason: 'exited' },
};

/** A host with which nothing is wrong. */
export const GOOD_HOST = {
  engine: {
    product: 'Docker Engine - Community',
    components: [
      { name: 'Engine', version: '29.9.0', build: 'a5b58c9' },
      { name: 'containerd', version: 'v2.3.6', build: '0123abc' },
      { name: 'runc', version: '1.5.2', build: 'v1.5.2-0-g51d5e94' },
    ],
    kernel: '7.1.3',
    operatingSystem: 'Some Linux',
    isLocal: true,
    reachedBy: 'socket',
    socket: '/var/run/docker.sock',
    cgroupVersion: '2',
    enforces: { memory: true, swap: true, pids: true, cpu: true },
    securityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'],
    defaultRuntime: 'runc',
    runtimes: ['runc'],
    rootDirectory: '/var/lib/docker',
    clockOffsetMs: 2,
  },
  settings: { diskLimit: 'auto', stateDirectory: '/var/lib/codebeaker', maxSessions: 100, port: 5000 },
  machine: MACHINE,
  probes: PROBES,
} satisfies Host;

/** The same, other in parts of the engine's facts. */
export function withEngine(changes: Partial<Host['engine']>): Host {
  return { ...GOOD_HOST, engine: { ...GOOD_HOST.engine, ...changes } };
}

/** With another version of a component. */
export function withComponent(name: string, version: string, build = ''): Host {
  const others = GOOD_HOST.engine.components.filter((component) => component.name !== name);
  return withEngine({ components: [...others, { name, version, build }] });
}

export function withMachine(changes: Partial<MachineFacts>): Host {
  return { ...GOOD_HOST, machine: { ...MACHINE, ...changes } };
}

export function withKernel(changes: Partial<KernelFacts>): Host {
  return withMachine({ kernel: { ...KERNEL, ...changes } });
}

export function withProbes(changes: Partial<ProbeFacts>): Host {
  return { ...GOOD_HOST, probes: { ...PROBES, ...changes } };
}

export function withSandbox(changes: Partial<ProbeFacts['sandbox']>): Host {
  return withProbes({ sandbox: { ...PROBES.sandbox, ...changes } });
}
