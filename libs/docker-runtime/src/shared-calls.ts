/** Calls that cannot be broken off: whoever asks while one is open shares it, so that an engine that hangs holds few. */
export class SharedCalls<T> {
  private readonly open = new Map<string, Promise<T>>();

  call(key: string, start: () => Promise<T>): Promise<T> {
    const open = this.open.get(key);
    if (open) return open;
    const call = start().finally(() => this.open.delete(key));
    this.open.set(key, call);
    return call;
  }
}
