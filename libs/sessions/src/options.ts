/** What the session service is told; the application's configuration provides it. */
export class SessionsOptions {
  /** Live sessions at once, those being made included. */
  maxSessions: number;
  /** Creates that the engine is asked for at once; more wait their turn. */
  maxConcurrentCreates: number;
  /** Creates that may wait beyond these two; more are refused. */
  maxQueuedCreates: number;
  /** The longest that one may wait, and how long it does where nothing else is asked for. */
  maxCreateWaitMs: number;
  /** The most that a client may ask for. */
  maxMemoryMB: number;
  maxCpus: number;
  maxPids: number;
  maxOpenFiles: number;
  maxDiskMB: number;
  maxTmpMB: number;
  maxLifetimeMinutes: number;
  /** Images besides our own that `dockerImage` may name. */
  allowedImages: readonly string[];
  /** Cron expression with seconds: when idle and overdue sessions and orphaned containers are looked for. */
  cleanUpCron: string;
  /** A container of no session is removed once it is so old: the engine's clock may be another. */
  orphanAgeMs: number;
  /** Latest status events that a subscriber can still come back to. */
  keptEvents: number;
  /** Subscriptions to status events at once. */
  maxSubscriptions: number;
  /** Tag of the language images. */
  imageTag: string;
  pool: PoolOptions;
}

/** How many sandboxes may be made ahead. */
export interface PoolOptions {
  /** Of each class of sandboxes that was asked for lately; 0 makes none. */
  readonly size: number;
  /** Of all classes together. */
  readonly maxContainers: number;
  /** What all of them together may use when they are handed out. */
  readonly memoryBytes: number;
  /** A class that nobody has asked for so long is given up. */
  readonly keepMs: number;
  /** With less of this machine's memory available there are none. */
  readonly freeMemoryBytes: number;
  /** Languages of which some are ready from the start on. */
  readonly languages: readonly string[];
}
