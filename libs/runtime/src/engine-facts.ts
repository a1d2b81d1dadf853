/** One program that the engine is made of, as it names itself. */
export interface EngineComponent {
  /** `Engine`, `containerd`, `runc`, … */
  readonly name: string;
  readonly version: string;
  /** What it was built from: for a distribution's package often the package's own version. */
  readonly build: string;
}

/** What an engine is made of and what it runs on, as it says itself; for diagnoses. */
export interface EngineFacts {
  /** The product, as `Docker Desktop 4.44.3 (202357)`; `docker` where it does not say. */
  readonly product: string;
  readonly components: readonly EngineComponent[];
  /** Of the machine that it runs on, as `uname -r` says. */
  readonly kernel: string;
  readonly operatingSystem: string;
  /** True when it runs on this very machine: then its files are to be found here. */
  readonly isLocal: boolean;
  /** How it is reached; `tcp` is unencrypted, and open to everybody who can connect. */
  readonly reachedBy: 'socket' | 'tcp' | 'tls';
  /** The socket's file, where it is reached by one. */
  readonly socket?: string;
  readonly cgroupVersion: string;
  /** Limits that it can enforce. */
  readonly enforces: {
    readonly memory: boolean;
    readonly swap: boolean;
    readonly pids: boolean;
    readonly cpu: boolean;
  };
  /** As `name=seccomp,profile=default`, `name=apparmor`, `name=userns`. */
  readonly securityOptions: readonly string[];
  readonly defaultRuntime: string;
  /** Names of the OCI runtimes that it is set up with; empty where it does not say. */
  readonly runtimes: readonly string[];
  /** Where it keeps images and volumes. */
  readonly rootDirectory: string;
  /** Its clock less this machine's, in ms, exact to half of the time that the question took; absent where it says none. */
  readonly clockOffsetMs?: number;
}
