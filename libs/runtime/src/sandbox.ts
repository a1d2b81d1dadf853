import type { AgentClient } from './agent/agent-client.js';

/** What can be changed while it runs. */
export interface ChangeableLimits {
  readonly memoryBytes: number;
  /** CPUs, fractions allowed. */
  readonly cpus: number;
  /** Relative weight under contention; the engine's default where absent, or what it was. */
  readonly cpuShares?: number;
  /** Processes and threads of the programs that run in it. */
  readonly pids: number;
}

/** What a sandbox may use. All but the changeable ones are fixed when it is made. */
export interface SandboxLimits extends ChangeableLimits {
  /** Size of /workspace. */
  readonly diskBytes: number;
  /** Size of /tmp, on top of memoryBytes where its files are memory. */
  readonly tmpBytes: number;
  /** File descriptors that one process may have open, unless it asks for more itself: up to 4,096 it gets them. */
  readonly openFiles: number;
  readonly network: 'none';
}

export interface SandboxSpec {
  readonly image: string;
  readonly limits: SandboxLimits;
  /** Fixed facts that a later listing gives back; names are the runtime's to prefix. */
  readonly labels: Readonly<Record<string, string>>;
}

/** How the size of /workspace is enforced. */
export type DiskLimitKind = 'loop-ext4' | 'tmpfs';

/** How the size of /tmp is enforced. */
export type TmpLimitKind = 'tmpfs';

export interface SandboxRecord {
  /** The runtime's own id: for Docker the container's. */
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly running: boolean;
  readonly createdAt: Date;
}

/** Why a sandbox is no more, though nobody asked for it. */
export type SandboxLostReason = 'container_lost' | 'out_of_memory';

/** A running sandbox and the line to its agent. */
export interface Sandbox {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly agent: AgentClient;
  /** The image's own environment: what commands start from. */
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly diskLimitKind: DiskLimitKind;
  readonly tmpLimitKind: TmpLimitKind;
  /** Aborted when the sandbox is gone for good; the reason is a {@link SandboxLostReason}, or 'destroyed'. */
  readonly gone: AbortSignal;
  /**
   * Waits until the line to the agent is open. Costs nothing when it is; after a break, tells what became of it.
   * @returns false when the sandbox is gone for good
   * @throws RuntimeError engine_unavailable while the engine does not answer, sandbox_paused while it stands still
   */
  ready(): Promise<boolean>;
  /**
   * Calls `listener` whenever it is worth asking `ready` again after that rejected: the engine is back, or has unpaused it.
   * Returns the unsubscribe function.
   */
  onBack(listener: () => void): () => void;
  /**
   * Gives it other limits of memory, CPU and processes; the rest must be what it was made with.
   * @throws RuntimeError invalid_limits, engine_unavailable, sandbox_failed
   */
  setLimits(limits: SandboxLimits): Promise<void>;
  /** Ends the line to the agent; the sandbox goes on, for whoever adopts it. */
  detach(): void;
  /** Removes it and all that belonged to it; resolves when nothing is left. Idempotent. */
  destroy(): Promise<void>;
}
