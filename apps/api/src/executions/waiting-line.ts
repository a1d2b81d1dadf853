import { DomainError } from '#libs/sessions';

/** Lets so many executions run at once and so many wait; whoever no longer wants to wait leaves its place to others. */
export class WaitingLine {
  private readonly waiting = new Set<() => void>();
  private taken = 0;

  constructor(
    private readonly places: number,
    private readonly limit: number,
  ) {}

  get running(): number {
    return this.taken;
  }

  get length(): number {
    return this.waiting.size;
  }

  /**
   * Runs `work` when its turn comes.
   * @throws DomainError quota_exceeded when the line is full, request_cancelled when `signal` aborts first
   */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.enter(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** @throws DomainError quota_exceeded when one more would not be let in */
  requireRoom(): void {
    if (this.taken < this.places || this.waiting.size < this.limit) return;
    throw new DomainError('quota_exceeded', `${this.limit} executions wait already; try again later.`, {
      quota: 'maxQueuedExecutions',
      limit: this.limit,
    });
  }

  private async enter(signal: AbortSignal): Promise<void> {
    if (this.taken < this.places) {
      this.taken++;
      return;
    }
    this.requireRoom();
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.waiting.delete(turn);
        reject(new DomainError('request_cancelled', 'The execution was cancelled before its turn came.'));
      };
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp, { once: true });
      this.waiting.add(turn);
    });
  }

  /** The place is handed on, so that nobody who comes just now overtakes the line. */
  private leave(): void {
    const [next] = this.waiting;
    if (!next) {
      this.taken--;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
