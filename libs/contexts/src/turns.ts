/** Lets one in at a time, in the order in which they came. */
export class Turns {
  private readonly waiters: (() => void)[] = [];
  private taken = false;

  get waiting(): number {
    return this.waiters.length;
  }

  /** Resolves when it is one's turn, which `pass` then ends. @throws the signal's reason, and the turn is given up */
  take(signal: AbortSignal): void | Promise<void> {
    signal.throwIfAborted();
    if (!this.taken) {
      this.taken = true;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiters.splice(this.waiters.indexOf(enter), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      this.waiters.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  pass(): void {
    const next = this.waiters.shift();
    if (next) next();
    else this.taken = false;
  }
}
