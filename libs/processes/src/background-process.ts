import { deferred, type OutputChunk, type ProcessEnd } from '#libs/runtime';
import type { Activity, Session } from '#libs/sessions';

import { unlessAborted } from './abortable.js';

/** How long the agent keeps what has ended, and how much of it: PROTOCOL.md. */
const KEPT_MS = 600_000;

export interface ProcessFacts {
  readonly processId: string;
  /** argv. */
  readonly args: readonly string[];
  readonly pty: boolean;
  readonly startedAt: Date;
}

/** One background process as this server knows it, from its start until the agent forgets it. */
export class BackgroundProcess {
  /** Bytes of each stream that any reader has seen; what is known of them when the sandbox is lost. */
  private readonly seenBytes = { stdout: 0, stderr: 0 };
  private readonly over = deferred<ProcessEnd>();
  private known: ProcessEnd | undefined;
  private activity: Activity | undefined;
  private expiry: NodeJS.Timeout | undefined;

  constructor(
    readonly session: Session,
    readonly facts: ProcessFacts,
    /** Called when nobody can ask for it any more. */
    private readonly onExpired: (process: BackgroundProcess) => void,
  ) {
    // Perhaps nobody waits.
    this.over.promise.catch(() => undefined);
  }

  get id(): string {
    return this.facts.processId;
  }

  get end(): ProcessEnd | undefined {
    return this.known;
  }

  /** Resolves when it has ended; rejects with the signal's reason. */
  async ended(signal?: AbortSignal): Promise<ProcessEnd> {
    return unlessAborted(this.over.promise, signal);
  }

  /** Keeps its session Active until it has ended. */
  holdBy(activity: Activity): void {
    this.activity = activity;
  }

  /** The first end counts. */
  finish(end: ProcessEnd): void {
    if (this.known) return;
    this.known = end;
    this.over.resolve(end);
    this.activity?.end();
    // The session's end has taken it out of every index.
    if (this.session.endReason !== undefined) return;
    const endedAt = Date.parse(end.startedAt) + end.durationMs;
    this.expiry = setTimeout(() => this.onExpired(this), Math.max(0, endedAt + KEPT_MS - Date.now()));
    this.expiry.unref();
  }

  /** How it ended will never be known, and is not made up: whoever waits hears why. */
  vanish(error: unknown): void {
    if (this.known) return;
    this.activity?.end();
    this.over.reject(error);
    this.onExpired(this);
  }

  /** Ends what it would do later. */
  dispose(): void {
    clearTimeout(this.expiry);
  }

  see({ stream, offset, data }: OutputChunk): void {
    this.seenBytes[stream] = Math.max(this.seenBytes[stream], offset + data.length);
  }

  /** Its end where no agent can tell of it: what its session's end says, with what was seen. */
  unseenEnd(): ProcessEnd {
    const { endReason } = this.session;
    const lost = endReason === undefined || endReason === 'container_lost';
    return {
      endReason: lost ? 'container_lost' : endReason === 'out_of_memory' ? 'out_of_memory' : 'killed',
      exitCode: null,
      signal: null,
      startedAt: this.facts.startedAt.toISOString(),
      durationMs: Date.now() - this.facts.startedAt.getTime(),
      cpuMs: 0,
      maxRssBytes: 0,
      stdoutBytes: this.seenBytes.stdout,
      stderrBytes: this.seenBytes.stderr,
      truncated: false,
      oomKills: 0,
      leftoversKilled: 0,
    };
  }
}
