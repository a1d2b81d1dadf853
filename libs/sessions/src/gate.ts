interface Waiter {
  enter(): void;
  give(error: Error): void;
}

/** Lets only so many pieces of work run at once; the others wait in the order in which they came. */
export class Gate {
  private running = 0;
  private readonly waiting: Waiter[] = [];

  constructor(private readonly limit: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.limit) {
      await new Promise<void>((enter, give) => this.waiting.push({ enter, give }));
    } else this.running++;
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody who comes just now overtakes the queue.
      const next = this.waiting.shift();
      if (next) next.enter();
      else this.running--;
    }
  }

  /** Sends everybody away who waits now: what they wait for cannot be had. */
  refuse(error: Error): void {
    for (const { give } of this.waiting.splice(0)) give(error);
  }
}
