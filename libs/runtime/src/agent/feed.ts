import type { Readable } from 'node:stream';

import type { Exchange } from './exchange.js';
import { freeMemory } from './free-memory.js';
import { REPLY_GRACE_MS } from './settle.js';

/**
 * Passes a stream on to an exchange, as fast as the agent takes it, and gives the memory of its bytes back. A stream that breaks cancels the exchange: its end
 * is told to the agent only when all of it was there. The stream itself is its owner's to destroy.
 */
export class Feed {
  /** Set when the stream broke before its end. */
  failure: Error | undefined;
  private isSending = false;
  private sending = Promise.resolve();
  private sentAt = performance.now();
  private over = false;

  constructor(
    private readonly source: Readable,
    private readonly exchange: Exchange,
  ) {
    source.on('data', this.onData);
    source.on('end', this.onEnd);
    source.on('error', this.onBreak);
    source.on('close', this.onBreak);
    // It may have broken before anybody listened.
    if (source.destroyed && !source.readableEnded) this.onBreak();
  }

  /** Whether the agent waits for the stream, or has only just been given something. */
  get isOurTurn(): boolean {
    return (!this.over && !this.isSending) || performance.now() - this.sentAt < REPLY_GRACE_MS;
  }

  /** Lets go of the stream; what is left of it stays unread. */
  stop(): void {
    this.over = true;
    this.source.off('data', this.onData);
    this.source.off('end', this.onEnd);
    this.source.off('close', this.onBreak);
    // The listener for errors stays: one that comes late must not end the process.
    this.source.pause();
  }

  private readonly onData = (bytes: Buffer): void => {
    const sent = (): void => freeMemory(bytes);
    if (!this.isSending && this.exchange.writeNow(bytes, sent)) {
      this.sentAt = performance.now();
      return;
    }
    this.source.pause();
    this.isSending = true;
    this.sending = this.exchange.write(bytes, sent).then(() => {
      this.isSending = false;
      this.sentAt = performance.now();
      if (!this.over) this.source.resume();
    });
  };

  /** It comes as soon as the last bytes are read, which may still wait for credit. */
  private readonly onEnd = (): void => {
    this.over = true;
    void this.sending.then(() => {
      this.sentAt = performance.now();
      this.exchange.end();
    });
  };

  private readonly onBreak = (error?: Error): void => {
    if (this.over) return;
    this.over = true;
    this.failure = error ?? new Error('the stream broke off before its end');
    this.exchange.cancel('disconnected');
  };
}
