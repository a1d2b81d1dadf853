import type { Duplex } from 'node:stream';

import { type AgentTransport, freeMemory } from '#libs/runtime';

const HEADER_BYTES = 8;
const STDOUT = 1;

/**
 * An attached container's stdio as an agent's byte stream. The engine multiplexes what it sends: 8-byte headers of
 * stream number and length (Docker Engine API, *Attach to a container*).
 */
export class AttachTransport implements AgentTransport {
  private header = Buffer.alloc(HEADER_BYTES);
  private headerFilled = 0;
  private remaining = 0;
  private isStdout = false;
  private closed = false;
  private waiters: (() => void)[] = [];

  constructor(
    private readonly stream: Duplex,
    private readonly onStderr: (text: string) => void,
  ) {
    // An error without a listener would end the process, and start() may come much later.
    stream.on('error', () => undefined);
  }

  get bufferedBytes(): number {
    return this.closed || this.stream.destroyed ? 0 : this.stream.writableLength;
  }

  write(...parts: readonly Buffer[]): void {
    this.send(parts);
  }

  writeThen(sent: () => void, ...parts: readonly Buffer[]): void {
    this.send(parts, (error) => {
      // After an error the kernel may not be done with them.
      if (!error) sent();
    });
  }

  private send(parts: readonly Buffer[], done?: (error?: Error | null) => void): void {
    if (this.closed) return;
    const last = parts.length - 1;
    // Parts leave in one system call.
    if (last > 0) this.stream.cork();
    for (const [index, part] of parts.entries()) this.stream.write(part, index === last ? done : undefined);
    if (last > 0) this.stream.uncork();
  }

  drained(): Promise<void> {
    if (this.closed || this.stream.destroyed || !this.stream.writableNeedDrain) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  start(handlers: { onData(bytes: Buffer): boolean | undefined; onClose(error?: Error): void }): void {
    const over = (error?: Error): void => {
      if (this.closed) return;
      this.close();
      handlers.onClose(error);
    };
    this.stream.on('data', (chunk: Buffer) => {
      let kept = false;
      this.demux(chunk, (bytes) => {
        if (handlers.onData(bytes) !== true) kept = true;
      });
      if (!kept) freeMemory(chunk);
    });
    this.stream.on('drain', () => this.release());
    this.stream.on('error', over);
    this.stream.on('end', () => over());
    this.stream.on('close', () => over());
    // It may have ended before anybody listened.
    if (this.stream.destroyed) queueMicrotask(() => over());
  }

  close(): void {
    this.closed = true;
    this.stream.destroy();
    this.release();
  }

  private demux(chunk: Buffer, onData: (bytes: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.remaining === 0) {
        const take = Math.min(HEADER_BYTES - this.headerFilled, chunk.length - at);
        chunk.copy(this.header, this.headerFilled, at, at + take);
        this.headerFilled += take;
        at += take;
        if (this.headerFilled < HEADER_BYTES) return;
        this.headerFilled = 0;
        this.isStdout = this.header[0] === STDOUT;
        this.remaining = this.header.readUInt32BE(4);
        continue;
      }
      const take = Math.min(this.remaining, chunk.length - at);
      const bytes = chunk.subarray(at, at + take);
      this.remaining -= take;
      at += take;
      if (this.isStdout) onData(bytes);
      else this.onStderr(bytes.toString());
    }
  }

  private release(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }
}
