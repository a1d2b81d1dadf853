/** What the heart of a connection needs. */
interface Living {
  /** False when there was no sign of life since the last beat. */
  beat(): boolean;
  terminate(): void;
}

/** One timer for all connections; ends those that missed a whole interval. */
export class Heartbeat {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly intervalMs: number,
    private readonly connections: () => Iterable<Living>,
  ) {}

  start(): void {
    this.timer ??= setInterval(() => {
      for (const connection of this.connections()) {
        if (!connection.beat()) connection.terminate();
      }
    }, this.intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
}
