import type { GapReason, StatusEvent, StatusFilter, StatusRecord } from './status-event.js';

export interface KeptEvent {
  readonly at: string;
  readonly event: StatusEvent;
}

/** The ring as its readers see it. */
export interface StatusLog {
  readonly epoch: string;
  readonly oldest: number;
  readonly newest: number;
  at(number: number): KeptEvent;
}

/** One reader of the feed: a place in its ring. For one caller of `next` at a time. */
export class StatusSubscription {
  private readonly closing = new AbortController();
  private position: number;
  private isOfThisLife: boolean;
  private waiting: (() => void) | undefined;

  /** `start`: the number of the event to go on after; undefined for a place in an earlier server's life. */
  constructor(
    private readonly log: StatusLog,
    private readonly filter: StatusFilter,
    start: number | undefined,
    private readonly onClose: () => void,
  ) {
    this.isOfThisLife = start !== undefined;
    this.position = start ?? log.oldest - 1;
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.closing.signal;
  }

  /** Everything up to here was given out, or was not asked for, or was told to be lost. */
  get cursor(): string {
    return `${this.log.epoch}-${this.position}`;
  }

  /** The next record; undefined when none came within the time, or when the subscription is closed. */
  async next(withinMs?: number): Promise<StatusRecord | undefined> {
    if (this.closed.aborted) return undefined;
    const record = this.take();
    if (record) return record;
    await this.change(withinMs);
    return this.closed.aborted ? undefined : this.take();
  }

  wake(): void {
    const { waiting } = this;
    if (!waiting || !this.hasRecord()) return;
    this.waiting = undefined;
    waiting();
  }

  close(): void {
    if (this.closed.aborted) return;
    this.closing.abort();
    this.onClose();
    this.waiting?.();
    this.waiting = undefined;
  }

  private take(): StatusRecord | undefined {
    if (!this.isOfThisLife) return this.gap('server_restarted');
    if (this.position < this.log.oldest - 1) return this.gap('overflow');
    if (!this.hasRecord()) return undefined;
    const { at, event } = this.log.at(++this.position);
    return { kind: 'event', cursor: this.cursor, at, event };
  }

  private gap(reason: GapReason): StatusRecord {
    this.isOfThisLife = true;
    this.position = this.log.oldest - 1;
    return { kind: 'gap', cursor: this.cursor, at: new Date().toISOString(), reason };
  }

  /** Passes over what is not asked for, and tells whether the next one is. */
  private hasRecord(): boolean {
    while (this.position < this.log.newest) {
      if (this.position < this.log.oldest - 1 || this.isWanted(this.log.at(this.position + 1).event)) return true;
      this.position++;
    }
    return false;
  }

  private isWanted({ event, sessionId }: StatusEvent): boolean {
    const { filter } = this;
    return (
      (filter.sessionId === undefined || filter.sessionId === sessionId) &&
      (filter.events === undefined || filter.events.includes(event))
    );
  }

  private change(withinMs: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = withinMs === undefined ? undefined : setTimeout(resolve, withinMs);
      this.waiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
