import type { DiskLimitKind, EngineFacts } from '#libs/runtime';

/** How the server is set up, as far as a verdict depends on it. */
export interface HostSettings {
  /** The runtime that sandboxes are made with; the engine's default where absent. */
  readonly ociRuntime?: string;
  readonly diskLimit: 'auto' | DiskLimitKind;
  readonly stateDirectory: string;
  readonly maxSessions: number;
  /** Where the server listens: sandboxes must not reach it. */
  readonly port: number;
}

/** A file system that must not run full. */
export interface DiskFacts {
  readonly path: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  /** 0 where the file system has no bound of inodes. */
  readonly totalInodes: number;
}

/** The package that a component was installed from. */
export interface PackageFacts {
  readonly version: string;
  /** CVEs that its changelog names: fixed by the distribution. */
  readonly cves: readonly string[];
}

/** What the host's kernel says; a program in a sandbox reads the same as one outside. */
export interface KernelFacts {
  /** As `uname -v` says: some distributions tell there which kernel it really is. */
  readonly build: string;
  readonly corePattern: string;
  readonly swapBytes: number;
  /** Settings by their sysctl names, where there are such. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** Its word on each weakness of the CPU. */
  readonly cpuWeaknesses: Readonly<Record<string, string>>;
}

/** What this machine says of itself. */
export interface MachineFacts {
  readonly kernel: KernelFacts;
  readonly disks: readonly DiskFacts[];
  /** Permission bits of the engine's socket. */
  readonly socketMode?: number;
  /** Addresses of this machine at which an engine answers to everybody, as `host:port`. */
  readonly openEngines: readonly string[];
  readonly packages: Readonly<Record<string, PackageFacts>>;
}

/** What a program in a real sandbox has seen. */
export interface SandboxFacts {
  readonly uid: number;
  /** Lines of /proc/self/status by name. */
  readonly status: Readonly<Record<string, string>>;
  readonly uidMap: string;
  /** What a filter must refuse: the errno that came of it, or `allowed`. */
  readonly doors: Readonly<Record<string, string>>;
  /** Names of the network interfaces. */
  readonly interfaces: readonly string[];
  /** Addresses and sockets that could be connected to. */
  readonly reached: readonly string[];
  /** How many addresses and sockets were tried. */
  readonly tried: number;
  /** CPUs that its cgroup gives, where the sandbox can see it. */
  readonly cpus?: number;
  readonly clockOffsetMs: number;
  readonly kernel: KernelFacts;
}

/** What came of going beyond a limit. */
export interface LimitFacts {
  readonly limit: number;
  /** How far the program got. */
  readonly reached: number;
  readonly endReason: string;
}

/** What sandboxes made for the purpose have shown. */
export interface ProbeFacts {
  readonly sandbox: SandboxFacts;
  readonly diskLimitKind: DiskLimitKind;
  readonly cpuLimit: number;
  readonly disk: LimitFacts;
  readonly tmp: LimitFacts;
  readonly memory: LimitFacts;
  readonly pids: LimitFacts;
}

/** All that verdicts are made of: plain data, so that they can be tested on hosts that nobody has. */
export interface Host {
  readonly engine: EngineFacts;
  readonly settings: HostSettings;
  /** Absent where the engine runs on another machine. */
  readonly machine?: MachineFacts;
  /** Absent where no sandbox was made; a text says why none could be. */
  readonly probes?: ProbeFacts | string;
}

/** What the probes have shown, where they could be made. */
export function probesOf({ probes }: Host): ProbeFacts | undefined {
  return typeof probes === 'object' ? probes : undefined;
}

/** What the kernel under the sandboxes says, as far as anybody on its machine could ask it. */
export function kernelOf(host: Host): KernelFacts | undefined {
  return host.machine?.kernel ?? probesOf(host)?.sandbox.kernel;
}

/** The name of the runtime that sandboxes are made with. */
export function runtimeOf({ engine, settings }: Host): string {
  return settings.ociRuntime ?? engine.defaultRuntime;
}

/** Whether the sandboxes' system calls go to a kernel of their own, not to the host's. */
export function hasOwnKernel(host: Host): boolean {
  return /^(runsc|gvisor|kata)/.test(runtimeOf(host));
}
