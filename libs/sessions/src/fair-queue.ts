/** Who waits, by caller: the callers take turns, and each one's own come in the order in which they came. */
export class FairQueue<T> {
  /** The caller whose turn is next stands first. */
  private readonly lines = new Map<string, T[]>();
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(caller: string, item: T): void {
    const line = this.lines.get(caller);
    if (line) line.push(item);
    else this.lines.set(caller, [item]);
    this.count++;
  }

  /** Takes out whose turn it is. */
  next(): T | undefined {
    const [first] = this.lines;
    if (!first) return undefined;
    const [caller, line] = first;
    const item = line.shift();
    this.lines.delete(caller);
    if (line.length > 0) this.lines.set(caller, line);
    this.count--;
    return item;
  }

  /** Takes one out that no longer wants to wait. */
  remove(caller: string, item: T): void {
    const line = this.lines.get(caller);
    const at = line?.indexOf(item) ?? -1;
    if (!line || at < 0) return;
    line.splice(at, 1);
    if (line.length === 0) this.lines.delete(caller);
    this.count--;
  }

  /** All of them, in the order of their turns if nobody else comes. */
  *inOrder(): Generator<T> {
    let lines = [...this.lines.values()];
    for (let turn = 0; lines.length > 0; turn++) {
      lines = lines.filter((line) => line.length > turn);
      yield* lines.map((line) => line[turn]).filter((item) => item !== undefined);
    }
  }
}
