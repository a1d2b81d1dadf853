const NEWLINE = 0x0a;
const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+$/;

/** One result of a cell: what it looks like, by MIME type. Pictures are base64, JSON types are JSON, all else is text. */
export type Representations = Readonly<Record<string, unknown>>;

export interface CellError {
  readonly name: string;
  readonly message: string;
  readonly traceback: string;
}

/** What a driver says: docs/contexts.md, *The drivers*. */
export type DriverMessage =
  | { readonly kind: 'pong'; readonly id: number; readonly count: number }
  | { readonly kind: 'started'; readonly id: number }
  | { readonly kind: 'result'; readonly id: number; readonly result: Representations; readonly truncated: boolean }
  | { readonly kind: 'done'; readonly id: number; readonly count: number; readonly error: CellError | null };

/** Reads a line; undefined where it is none of a driver's, whoever wrote it. */
export function parseMessage(line: string): DriverMessage | undefined {
  const { id, pong, started, done, count, result, truncated, error } = objectOf(line);
  if (isNumber(pong) && isNumber(count)) return { kind: 'pong', id: pong, count };
  if (isNumber(started)) return { kind: 'started', id: started };
  if (isNumber(done) && isNumber(count)) return { kind: 'done', id: done, count, error: errorOf(error) };
  if (isNumber(id) && typeof result === 'object' && result !== null) {
    const known = Object.entries(result).filter(([mime]) => MIME_TYPE.test(mime));
    return { kind: 'result', id, result: Object.fromEntries(known), truncated: truncated === true };
  }
  return undefined;
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function errorOf(error: unknown): CellError | null {
  if (typeof error !== 'object' || error === null) return null;
  const text = (name: string): string => {
    const value: unknown = Reflect.get(error, name);
    return typeof value === 'string' ? value : '';
  };
  return { name: text('name'), message: text('message'), traceback: text('traceback') };
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

/** Cuts bytes into lines, of which none may be longer than a bound. */
export class LineReader {
  private parts: Buffer[] = [];
  private bytes = 0;

  constructor(
    private readonly maxBytes: number,
    private readonly onLine: (line: string, bytes: number) => void,
    private readonly onTooLong: () => void,
  ) {}

  push(data: Buffer): void {
    let from = 0;
    for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, from)) {
      const last = data.subarray(from, at);
      const line = this.parts.length === 0 ? last : Buffer.concat([...this.parts, last]);
      this.reset();
      from = at + 1;
      this.onLine(line.toString(), line.length);
    }
    if (from === data.length) return;
    const rest = data.subarray(from);
    this.bytes += rest.length;
    if (this.bytes > this.maxBytes) {
      this.reset();
      this.onTooLong();
    } else {
      this.parts.push(Buffer.from(rest));
    }
  }

  /** Forgets the line that has begun. */
  reset(): void {
    this.parts = [];
    this.bytes = 0;
  }
}
