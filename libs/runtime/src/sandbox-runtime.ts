import type { EngineFacts } from './engine-facts.js';
import type { Sandbox, SandboxRecord, SandboxSpec } from './sandbox.js';

export interface ImageStatus {
  readonly image: string;
  readonly available: boolean;
  /** The image's content id, where it is available. */
  readonly id?: string;
  /** Of the toolchain inside, as its label `codebeaker.version` says. */
  readonly version?: string;
}

/**
 * What runs sandboxes: Docker, or another engine. The abstract class is the injection token; the application module
 * alone picks the implementation. Every implementation passes `describeRuntime` (runtime.contract.ts).
 *
 * All methods reject with RuntimeError `engine_unavailable` while the engine does not answer, and work again by
 * themselves when it is back.
 */
export abstract class SandboxRuntime {
  /**
   * Makes and starts a sandbox and greets its agent.
   * @throws RuntimeError image_unavailable, invalid_limits, host_disk_full, sandbox_lost, sandbox_failed
   */
  abstract create(spec: SandboxSpec): Promise<Sandbox>;

  /** This server's sandboxes, running or not, as the engine knows them. */
  abstract list(): Promise<SandboxRecord[]>;

  /** Speaks again to a running sandbox that an earlier server made. */
  abstract adopt(record: SandboxRecord): Promise<Sandbox>;

  /** Removes a sandbox that nobody speaks to. Idempotent. */
  abstract remove(id: string): Promise<void>;

  /** Removes what is left of this server's sandboxes that somebody else removed, and nothing of any other. */
  abstract tidy(): Promise<void>;

  /** Whether an image is there to make sandboxes of. */
  abstract imageStatus(image: string): Promise<ImageStatus>;

  /** Resolves when the engine answers; rejects with engine_unavailable otherwise. */
  abstract ping(): Promise<{ engine: string; version: string }>;

  /** What the engine is and runs on; it is asked each time. */
  abstract facts(): Promise<EngineFacts>;

  /** Calls `listener` whenever the engine answers again after it did not, and once when it first does. */
  abstract onBack(listener: () => void): void;

  /** Ends every connection; sandboxes go on. */
  abstract close(): Promise<void>;
}
