/** A session's settings as the client gave them, completed by the defaults of API.md. */
export interface SessionConfig {
  readonly idleTimeoutMinutes: number;
  readonly maxLifetimeMinutes: number;
  readonly memoryLimitMB: number;
  readonly cpuLimit: number;
  readonly cpuShares?: number;
  readonly pidsLimit: number;
  /** File descriptors that one process may have open. */
  readonly openFilesLimit: number;
  /** Size of /workspace. */
  readonly diskLimitMB: number;
  /** Size of /tmp. */
  readonly tmpLimitMB: number;
  readonly network: 'none';
  readonly dockerImage?: string;
}

export const SESSION_DEFAULTS: SessionConfig = {
  idleTimeoutMinutes: 30,
  maxLifetimeMinutes: 120,
  memoryLimitMB: 512,
  cpuLimit: 1,
  pidsLimit: 256,
  openFilesLimit: 1024,
  diskLimitMB: 1024,
  tmpLimitMB: 64,
  network: 'none',
};

export interface CreateSessionRequest extends Partial<SessionConfig> {
  /** A language's name or alias. */
  readonly language: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly name?: string;
}
