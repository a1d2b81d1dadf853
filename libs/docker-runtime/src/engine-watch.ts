import { EventEmitter } from 'node:events';

import { LABEL_SERVER } from './container-config.js';
import { destroy, type Engine } from './engine.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2_000;
/** An event's line is a few hundred bytes; more than this is not an event. */
const MAX_LINE_BYTES = 1_048_576;

export interface ContainerEvent {
  readonly id: string;
  readonly action: string;
  readonly attributes: Readonly<Record<string, string>>;
}

interface WatchEvents {
  /** Something happened to one of our containers. */
  container: [ContainerEvent];
  /** The engine answers again after it did not, or for the first time. */
  up: [];
}

/**
 * Follows the engine's events about this server's containers, for ever: an engine that goes away is asked again, ever
 * more seldom, and `up` tells that whatever happened meanwhile must be looked up.
 */
export class EngineWatch extends EventEmitter<WatchEvents> {
  private stream: NodeJS.ReadableStream | undefined;
  private retry: NodeJS.Timeout | undefined;
  private retryMs = FIRST_RETRY_MS;
  private closed = false;

  constructor(
    private readonly engine: Engine,
    private readonly serverId: string,
  ) {
    super();
    this.setMaxListeners(0);
  }

  start(): void {
    void this.follow();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    destroy(this.stream);
  }

  private async follow(): Promise<void> {
    try {
      const stream = await this.engine.events({
        type: ['container'],
        label: [`${LABEL_SERVER}=${this.serverId}`],
        event: ['kill', 'die', 'oom', 'pause', 'unpause', 'destroy'],
      });
      if (this.closed) return destroy(stream);
      this.stream = stream;
      this.retryMs = FIRST_RETRY_MS;
      this.emit('up');
      await this.read(stream);
    } catch {
      // The engine is away; what called it hears that by itself.
    }
    if (this.closed) return;
    this.retry = setTimeout(() => void this.follow(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  private async read(stream: NodeJS.ReadableStream): Promise<void> {
    let rest = '';
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_LINE_BYTES) rest = '';
      for (const line of lines) if (line.trim() !== '') this.tell(line);
    }
  }

  private tell(line: string): void {
    const event = JSON.parse(line) as {
      Action?: string;
      Actor?: { ID?: string; Attributes?: Record<string, string> };
    };
    if (!event.Actor?.ID || !event.Action) return;
    this.emit('container', {
      id: event.Actor.ID,
      action: event.Action,
      attributes: event.Actor.Attributes ?? {},
    });
  }
}
