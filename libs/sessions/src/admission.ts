import { DomainError } from './domain-error.js';
import { FairQueue } from './fair-queue.js';
import { requireWithin } from './limits.js';

/** Positions are told at once, and then no more often than this, however fast the queue moves. */
const TELL_MS = 1_000;
const RETRY_AFTER_MS = 1_000;

export interface AdmissionBounds {
  /** Sessions at once, those being made included. */
  readonly sessions: number;
  /** Creates that the engine is asked for at once. */
  readonly concurrent: number;
  /** How many may wait. */
  readonly waiting: number;
  /** The longest that anybody may wait, and how long who says nothing does. */
  readonly maxWaitMs: number;
}

/** Somebody who wants a session. */
export interface Applicant {
  /** Those of one caller wait behind each other, and in turns with those of others. */
  readonly caller?: string;
  /** Aborted when it is no longer wanted. */
  readonly signal?: AbortSignal | undefined;
  readonly maxWaitMs?: number | undefined;
  /** Told the place in the queue, 1 being the next, first and whenever it has become another. */
  readonly onQueued?: (position: number) => void;
}

interface Waiter {
  readonly onQueued: ((position: number) => void) | undefined;
  told: number;
  enter(): void;
  give(error: Error): void;
}

/** Bounds how many sessions there are and how many are made at once; who comes beyond waits in a fair queue. */
export class Admission {
  private readonly queue = new FairQueue<Waiter>();
  /** Let in, and no session yet. */
  private placed = 0;
  /** Those of them that ask the engine. */
  private running = 0;
  private telling: NodeJS.Timeout | undefined;

  /** @param live how many sessions there are */
  constructor(
    private readonly bounds: AdmissionBounds,
    private readonly live: () => number,
  ) {}

  get waiting(): number {
    return this.queue.size;
  }

  /** Whether the engine could make one more now for which nobody waits. */
  get isEngineFree(): boolean {
    return this.queue.size === 0 && this.running < this.bounds.concurrent;
  }

  /** Sessions that could still be let in when all who wait have been. */
  get room(): number {
    return this.bounds.sessions - this.live() - this.placed - this.queue.size;
  }

  /** Work for one session that need not wait for the engine; to be begun only where there is room. */
  async beside<T>(work: () => Promise<T>): Promise<T> {
    this.placed++;
    try {
      return await work();
    } finally {
      this.placed--;
      this.letIn();
    }
  }

  /**
   * Work for one session, when its turn comes.
   * @throws DomainError quota_exceeded when the queue is full, rate_limited when the wait was too long,
   * request_cancelled
   */
  async run<T>(applicant: Applicant, work: () => Promise<T>): Promise<T> {
    if (this.queue.size === 0 && this.mayEnter()) this.enter();
    else await this.wait(applicant);
    try {
      return await work();
    } finally {
      this.running--;
      this.placed--;
      this.letIn();
    }
  }

  /** To be called when there are fewer sessions. */
  letIn(): void {
    while (this.queue.size > 0 && this.mayEnter()) {
      this.enter();
      this.queue.next()?.enter();
    }
    if (this.queue.size === 0) {
      clearTimeout(this.telling);
      this.telling = undefined;
    } else this.telling ??= setTimeout(() => this.tellAll(), TELL_MS);
  }

  /** Sends everybody away who waits now: what they wait for cannot be had. */
  refuse(error: Error): void {
    for (let waiter = this.queue.next(); waiter; waiter = this.queue.next()) waiter.give(error);
    this.letIn();
  }

  private mayEnter(): boolean {
    return this.running < this.bounds.concurrent && this.live() + this.placed < this.bounds.sessions;
  }

  private enter(): void {
    this.running++;
    this.placed++;
  }

  private async wait({ caller = '', signal, maxWaitMs, onQueued }: Applicant): Promise<void> {
    const waitMs = maxWaitMs ?? this.bounds.maxWaitMs;
    if (signal?.aborted) throw noLongerWanted();
    if (this.queue.size >= this.bounds.waiting) throw this.full();
    if (waitMs <= 0) throw tooLate(waitMs);
    let leave = (): void => undefined;
    const turn = new Promise<void>((enter, give) => {
      const waiter: Waiter = { onQueued, told: 0, enter, give };
      const goWith = (error: DomainError): void => {
        this.queue.remove(caller, waiter);
        this.letIn();
        give(error);
      };
      const onAbort = (): void => goWith(noLongerWanted());
      const timer = setTimeout(() => goWith(tooLate(waitMs)), waitMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      leave = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      this.queue.add(caller, waiter);
      this.tell(waiter, this.positionOf(waiter));
    });
    await turn.finally(leave);
  }

  private positionOf(waiter: Waiter): number {
    let position = 0;
    for (const one of this.queue.inOrder()) {
      position++;
      if (one === waiter) break;
    }
    return position;
  }

  private tellAll(): void {
    this.telling = undefined;
    let position = 0;
    for (const waiter of this.queue.inOrder()) this.tell(waiter, ++position);
  }

  private tell(waiter: Waiter, position: number): void {
    if (waiter.told === position) return;
    waiter.told = position;
    waiter.onQueued?.(position);
  }

  private full(): DomainError {
    const { sessions, waiting } = this.bounds;
    // Where nobody may wait, what is short is what they would wait for.
    if (waiting === 0 && this.live() + this.placed >= sessions) {
      return tooMany('maxSessions', sessions, `There are ${sessions} sessions already, as many as this server gives.`);
    }
    const message = `${waiting} creates of sessions wait already; try again later.`;
    return tooMany('maxQueuedCreates', waiting, message);
  }
}

/** @throws DomainError quota_exceeded for a longer wait than the server gives */
export function requireWait({ maxWaitMs }: Applicant, bounds: Pick<AdmissionBounds, 'maxWaitMs'>): void {
  if (maxWaitMs !== undefined) requireWithin('maxWaitMs', maxWaitMs, bounds.maxWaitMs);
}

function tooMany(quota: string, limit: number, message: string): DomainError {
  return new DomainError('quota_exceeded', message, { quota, limit });
}

function tooLate(waitMs: number): DomainError {
  const message = `No session could be made within the ${waitMs} ms of maxWaitMs: too many are alive or being made.`;
  return new DomainError('rate_limited', message, { retryAfterMs: RETRY_AFTER_MS });
}

function noLongerWanted(): DomainError {
  return new DomainError('request_cancelled', 'The request was cancelled before its turn came.');
}
