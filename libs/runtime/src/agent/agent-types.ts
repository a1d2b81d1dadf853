/** How a run of a program ended. `exited` alone means that the program itself decided to end. */
export const END_REASONS = [
  'exited',
  'signaled',
  'timed_out',
  'cpu_exceeded',
  'out_of_memory',
  'output_limit',
  'cancelled',
  'killed',
  'spawn_failed',
  'container_lost',
] as const;

export type EndReason = (typeof END_REASONS)[number];

/** A limit of a sandbox or of a run, as a result names it. */
export const LIMIT_NAMES = ['memory', 'pids', 'disk', 'cpu_time', 'wall_time', 'output'] as const;

export type LimitName = (typeof LIMIT_NAMES)[number];

/** The end of a process with its evidence: PROTOCOL.md, *The end of a command*. */
export interface ProcessEnd {
  readonly endReason: EndReason;
  /** Null unless the program itself exited. */
  readonly exitCode: number | null;
  /** `SIGKILL`, …; null unless a signal ended the program. */
  readonly signal: string | null;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly maxRssBytes: number;
  /** What the program wrote, whether or not it was forwarded. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** True when a stream had more than `forwardBytes`. */
  readonly truncated: boolean;
  /** How many processes the kernel killed for memory while it ran. */
  readonly oomKills: number;
  /** Processes that the program started, left behind, and that were killed when it had ended. */
  readonly leftoversKilled: number;
  /** Limits that are known to have been reached while it ran; an agent of an earlier version does not tell. */
  readonly limitsHit?: readonly LimitName[];
  /** Which of the writable file systems had no room left at its end. */
  readonly fullDisks?: readonly string[];
  /** The limit that was gone over, of `timed_out`, `cpu_exceeded` (ms) and `output_limit` (bytes); not told by earlier agents. */
  readonly limit?: number;
  /** With `spawn_failed`: what failed. */
  readonly kind?: string;
  readonly errno?: string;
  /** What the other members do not say: why a start failed, what could not be killed, whose output was cut off. */
  readonly message?: string;
}

export interface ProcessSpec {
  readonly processId: string;
  /** argv, handed to execve as it is. */
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly timeoutMs?: number;
  readonly cpuTimeMs?: number;
  /** Bytes of both streams together beyond which the process is killed. */
  readonly outputLimitBytes?: number;
  /** Bytes of each stream that are sent; the rest is counted and discarded. */
  readonly forwardBytes?: number;
  /** Of a run: it goes on when its server is not heard of any more, until another one comes. */
  readonly detached?: boolean;
}

export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  /** Counts the process's chunks from 0 without gaps. */
  readonly seq: number;
  /** Place of the first byte in its stream. */
  readonly offset: number;
  /** Valid during the call only; see ExchangeOptions.onData. */
  readonly data: Buffer;
}

export type FileType = 'file' | 'directory' | 'symlink' | 'other';

export interface FileEntry {
  readonly name: string;
  readonly path: string;
  readonly type: FileType;
  readonly size: number;
  /** Octal permission bits, `0644`. */
  readonly mode: string;
  readonly modifiedAt: string;
  /** Where a symlink points. */
  readonly target?: string;
  /** The name's bytes, where they are not UTF-8. */
  readonly nameBase64?: string;
}

export interface ProcessInfo {
  readonly processId: string;
  readonly pid: number;
  readonly args: readonly string[];
  readonly state: 'running' | 'ended';
  readonly startedAt: string;
  readonly kind: 'run' | 'start';
  readonly pty: boolean;
  /** Whether it has a channel; an agent of an earlier version does not tell, and gives none. */
  readonly channel?: boolean;
  readonly firstSeq: number;
  readonly nextSeq: number;
  readonly end: ProcessEnd | null;
}

export interface AgentInfo {
  /** How long ago the claim was told, by a clock that nobody sets; null where there is none. */
  readonly claimAgeMs: number | null;
  readonly startedAt: string;
  readonly processes: readonly ProcessInfo[];
  readonly memory: { readonly usedBytes: number; readonly limitBytes: number; readonly oomKills: number };
  readonly pids: number;
  /** What the last `claim` left there; empty before the first. */
  readonly claim: Buffer;
}
