import { Logger } from '@nestjs/common';

import { type ProcessInfo, RuntimeError, type Sandbox, type SandboxRecord, type SandboxRuntime } from '#libs/runtime';

import { type ReadClaim, readClaim } from './session-claim.js';

/** On a busy host an agent may answer late: only after so many tries a sandbox is nobody's. */
const MAX_TRIES = 3;

/** Whose sandboxes those are that this server did not make. */
export interface Registry {
  /** The ids of all that belong to sessions, of those included that are being ended. */
  known(): ReadonlySet<string>;
  /** Makes a session of what an earlier server left. */
  takeUp(claim: ReadClaim, sandbox: Sandbox, processes: readonly ProcessInfo[]): void;
}

/** Looks for what an earlier server left: sessions are taken up again, and what is nobody's is removed. */
export class Adoption {
  private readonly logger = new Logger(Adoption.name);
  private readonly startedAt = new Date();
  private running: Promise<void> | undefined;
  private tries = 0;
  private done = false;
  /** Before that no container is of this server's own making, whatever the clocks say. */
  private isOpen = false;
  /** Why it is not known yet which sessions there are. */
  private unseen: RuntimeError | undefined;

  constructor(
    private readonly runtime: SandboxRuntime,
    /** How many are asked at once. */
    private readonly width: number,
    private readonly orphanAgeMs: number,
    private readonly registry: Registry,
  ) {}

  /** Whether all has been taken up; what nobody has claimed by then is an orphan. */
  get isDone(): boolean {
    return this.done;
  }

  /** @throws RuntimeError engine_unavailable while there may be sessions that nobody has seen yet */
  requireSeen(): void {
    if (this.unseen) throw this.unseen;
  }

  /** To be called when this server begins to make sandboxes of its own. */
  open(): void {
    this.isOpen = true;
  }

  /** Takes up what is not of this server's own making. Safe to call at any time. */
  run(): Promise<void> {
    this.running ??= this.adoptAll()
      .then(
        () => (this.unseen = undefined),
        (error: unknown) => {
          if (isEngineAway(error)) this.unseen = error;
          throw error;
        },
      )
      .then(() => undefined)
      .finally(() => (this.running = undefined));
    return this.running;
  }

  /** Removes what belongs to no session, once all has been taken up. */
  async removeOrphans(now: Date): Promise<void> {
    const records = await this.runtime.list();
    const known = this.registry.known();
    for (const { id, createdAt } of records) {
      if (known.has(id) || now.getTime() - createdAt.getTime() < this.orphanAgeMs) continue;
      this.logger.warn({ message: 'a container of no session is removed', containerId: id });
      await this.runtime.remove(id);
    }
    await this.runtime.tidy();
  }

  private async adoptAll(): Promise<void> {
    const records = await this.runtime.list();
    const known = this.registry.known();
    const foreign = records
      .filter(({ id, createdAt }) => !known.has(id) && !(this.isOpen && createdAt >= this.startedAt))
      .values();
    const failed: unknown[] = [];
    const adoptNext = async (): Promise<void> => {
      for (const record of foreign) await this.adoptOne(record).catch((error: unknown) => failed.push(error));
    };
    await Promise.all(Array.from({ length: this.width }, adoptNext));
    for (const error of failed) {
      if (isEngineAway(error)) throw error;
      this.logger.warn({ message: 'a container could not be adopted', error });
    }
    this.done = failed.length === 0 || ++this.tries >= MAX_TRIES;
  }

  private async adoptOne(record: SandboxRecord): Promise<void> {
    if (!record.running) return this.runtime.remove(record.id);
    const sandbox = await this.runtime.adopt(record);
    const { claim, processes } = await this.ask(sandbox);
    // Nobody's sandbox: its server died before the hand-over, or with the run that it was for.
    if (!claim || claim.identity.hidden) return sandbox.destroy();
    this.registry.takeUp(claim, sandbox, processes);
  }

  /** A sandbox that cannot be asked is let go again: the next try must find it free. */
  private async ask(sandbox: Sandbox) {
    try {
      const { claim, claimAgeMs, processes } = await sandbox.agent.info();
      return { claim: readClaim(claim, claimAgeMs ?? 0), processes };
    } catch (error) {
      sandbox.detach();
      throw error;
    }
  }
}

export function isEngineAway(error: unknown): error is RuntimeError {
  return error instanceof RuntimeError && error.kind === 'engine_unavailable';
}
