import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import { DomainError } from './domain-error.js';
import { requireWithin } from './limits.js';
import { SessionsOptions } from './options.js';
import type { StatusEvent, StatusFilter } from './status-event.js';
import { type KeptEvent, type StatusLog, StatusSubscription } from './status-subscription.js';

/**
 * The latest events of sessions and processes, for whoever subscribes. Subscribers read from one ring at their own
 * pace, so a slow one costs no memory: it falls out of the ring, and is told so.
 */
@Injectable()
export class StatusFeed implements StatusLog {
  /** Of this server's life: a cursor of an earlier one must not be mistaken for one of ours. */
  readonly epoch = randomBytes(6).toString('hex');
  private readonly ring: KeptEvent[] = [];
  private readonly open = new Set<StatusSubscription>();
  private last = 0;

  constructor(private readonly options: SessionsOptions) {}

  /** The number of the newest event; the first has 1. */
  get newest(): number {
    return this.last;
  }

  /** The number of the oldest event that is still kept. */
  get oldest(): number {
    return Math.max(1, this.last - this.options.keptEvents + 1);
  }

  /** Subscriptions that are open. */
  get subscriptions(): number {
    return this.open.size;
  }

  publish(event: StatusEvent): void {
    this.last++;
    this.ring[this.last % this.options.keptEvents] = { at: new Date().toISOString(), event };
    for (const subscription of this.open) subscription.wake();
  }

  /** @throws RangeError for a number that is not kept */
  at(number: number): KeptEvent {
    const kept = this.ring[number % this.options.keptEvents];
    if (!kept || number < this.oldest || number > this.last) throw new RangeError(`event ${number} is not kept`);
    return kept;
  }

  /**
   * Begins right after `cursor`, or with what comes next where there is none. The subscription must be closed.
   * @throws DomainError quota_exceeded, invalid_params for what was never a cursor
   */
  subscribe(filter: StatusFilter, cursor?: string): StatusSubscription {
    requireWithin('maxSubscriptions', this.open.size + 1, this.options.maxSubscriptions);
    const start = cursor === undefined ? this.last : this.placeOf(cursor);
    const subscription = new StatusSubscription(this, filter, start, () => this.open.delete(subscription));
    this.open.add(subscription);
    return subscription;
  }

  private placeOf(cursor: string): number | undefined {
    const [, epoch, digits] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(cursor) ?? [];
    const number = Number(digits);
    if (epoch === undefined || (epoch === this.epoch && number > this.last)) {
      const message = `cursor ${JSON.stringify(cursor)} is none that this server gave`;
      throw new DomainError('invalid_params', message, { violations: [{ field: 'cursor', message }] });
    }
    return epoch === this.epoch ? number : undefined;
  }
}
