/** The first bytes of a stream, up to a limit. */
export class KeptOutput {
  private readonly parts: Buffer[] = [];
  private kept = 0;
  /** All bytes seen. */
  total = 0;

  constructor(private readonly limit: number) {}

  add(data: Buffer): void {
    this.total += data.length;
    const part = data.subarray(0, this.limit - this.kept);
    if (part.length === 0) return;
    this.parts.push(Buffer.from(part));
    this.kept += part.length;
  }

  get truncated(): boolean {
    return this.total > this.kept;
  }

  /** @param cut whether to leave out the beginning of a character that the limit has cut */
  bytes(cut: boolean): Buffer {
    const all = Buffer.concat(this.parts);
    return cut ? all.subarray(0, wholeCharacters(all)) : all;
  }
}

/** How many leading bytes end with a whole UTF-8 character; a cut at a limit may fall into one. */
export function wholeCharacters(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}
