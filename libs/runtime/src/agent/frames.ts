/** The binary frames of docker/agent/PROTOCOL.md. */
import { FrameMemory } from './frame-memory.js';

export const FrameType = {
  hello: 1,
  request: 2,
  response: 3,
  data: 4,
  credit: 5,
  cancel: 6,
  event: 7,
} as const;

export const FLAG_END = 1;

/** Bytes of the largest whole frame. */
export const MAX_FRAME_BYTES = 262_144;
/** Payload bytes that a DATA frame of ours carries, leaving room for any head. */
export const MAX_DATA_BYTES = 131_072;
/** Payload bytes each side may send in an exchange before it is granted more. */
export const INITIAL_CREDIT_BYTES = 262_144;

export const PREAMBLE = Buffer.concat([Buffer.from([0]), Buffer.from('CODEBEAKER-AGT'), Buffer.from([0x0a])]);

const TRAILER = 0x0a2e4243;
const HEADER_BYTES = 16;
const TRAILER_BYTES = 4;
const LENGTH_BYTES = 4;
/** A frame's `length` with nothing in head and payload. */
const EMPTY_LENGTH = HEADER_BYTES - LENGTH_BYTES + TRAILER_BYTES;
const NOTHING = Buffer.alloc(0);
const TRAILER_PART = Buffer.from('CB.\n');
const frameMemory = new FrameMemory(MAX_DATA_BYTES + EMPTY_LENGTH + LENGTH_BYTES);
/** Frames from here on are put together in memory of their own as they come, and their payload is sent uncopied. */
const LARGE_BYTES = 32_768;

export interface Frame {
  readonly id: number;
  readonly type: number;
  readonly end: boolean;
  readonly head: Buffer;
  readonly payload: Buffer;
  /** Lets the parser use the memory of this frame again. Whoever calls it has nothing of the frame any more. */
  readonly release?: () => void;
}

/** Thrown where a frame would be larger than {@link MAX_FRAME_BYTES}; nothing was sent. */
export class FrameTooLargeError extends Error {
  constructor(readonly bytes: number) {
    super(`a frame of ${bytes} bytes is over the limit of ${MAX_FRAME_BYTES}`);
  }
}

/** Encodes one frame into one buffer, so that it leaves in one write. */
export function encodeFrame(id: number, type: number, head: string | Buffer, payload: Buffer, end: boolean): Buffer {
  const headBytes = typeof head === 'string' ? Buffer.byteLength(head) : head.length;
  const total = HEADER_BYTES + headBytes + payload.length + TRAILER_BYTES;
  if (total > MAX_FRAME_BYTES) throw new FrameTooLargeError(total);
  const frame = Buffer.allocUnsafe(total);
  writeHeader(frame, { total, id, headBytes, type, end });
  if (typeof head === 'string') frame.write(head, HEADER_BYTES);
  else head.copy(frame, HEADER_BYTES);
  payload.copy(frame, HEADER_BYTES + headBytes);
  frame.writeUInt32LE(TRAILER, total - TRAILER_BYTES);
  return frame;
}

/**
 * One DATA frame without a head, in parts that are to be sent one after the other: a large payload is sent as it is,
 * instead of being copied.
 */
export function dataFrame(id: number, payload: Buffer): readonly Buffer[] {
  if (payload.length < LARGE_BYTES) return [encodeFrame(id, FrameType.data, NOTHING, payload, false)];
  const total = HEADER_BYTES + payload.length + TRAILER_BYTES;
  if (total > MAX_FRAME_BYTES) throw new FrameTooLargeError(total);
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  writeHeader(header, { total, id, headBytes: 0, type: FrameType.data, end: false });
  return [header, payload, TRAILER_PART];
}

function writeHeader(
  to: Buffer,
  { total, id, headBytes, type, end }: { total: number; id: number; headBytes: number; type: number; end: boolean },
): void {
  to.writeUInt32LE(total - LENGTH_BYTES, 0);
  to.writeUInt32LE(id, 4);
  to.writeUInt32LE(headBytes, 8);
  to[12] = type;
  to[13] = end ? FLAG_END : 0;
  to.writeUInt16LE(0, 14);
}

/**
 * Turns a byte stream into frames. Before the first frame, and after a torn one, it skips everything up to and
 * including `preamble`, which holds the connection's nonce: nothing that a sandbox prints can imitate it.
 */
export class FrameParser {
  private pieces: Buffer[] = [];
  private buffered = 0;
  private needed = 1;
  private seeking = true;
  /** A large frame that is not whole yet, and how much of it is there. */
  private growing: { readonly frame: Buffer; filled: number } | undefined;
  /** Frames that lie in the bytes they came with. */
  private handedOn = 0;
  /** How often a torn frame was dropped. */
  torn = 0;

  constructor(
    private readonly preamble: Buffer,
    private readonly onFrame: (frame: Frame) => void,
  ) {}

  /** True once the preamble has been seen and the stream is in step. */
  get inStep(): boolean {
    return !this.seeking;
  }

  /** @returns whether nobody has anything of the bytes: all of them have been copied */
  push(bytes: Buffer): boolean {
    const chunk = this.growing ? this.grow(bytes, this.growing) : bytes;
    if (chunk.length === 0) return true;
    this.pieces.push(chunk);
    this.buffered += chunk.length;
    // Joining only when a whole frame can be there keeps a large frame in many chunks linear.
    if (this.buffered < this.needed) return false;
    const before = this.handedOn;
    let rest = this.pieces.length === 1 ? chunk : Buffer.concat(this.pieces, this.buffered);
    for (;;) {
      const step = this.seeking ? this.seek(rest) : this.parse(rest);
      rest = rest.subarray(step.consumed);
      if (step.needed !== undefined) {
        this.needed = step.needed;
        break;
      }
    }
    if (this.needed >= LARGE_BYTES) {
      const frame = frameMemory.take(this.needed);
      this.growing = { frame, filled: rest.copy(frame) };
      rest = NOTHING;
      this.needed = LENGTH_BYTES;
    }
    this.pieces = rest.length > 0 ? [rest] : [];
    this.buffered = rest.length;
    return rest.length === 0 && this.handedOn === before;
  }

  /** Adds to the frame that grows; returns what is not part of it. */
  private grow(bytes: Buffer, growing: { readonly frame: Buffer; filled: number }): Buffer {
    const { frame } = growing;
    const added = bytes.copy(frame, growing.filled);
    growing.filled += added;
    const rest = bytes.subarray(added);
    if (growing.filled < frame.length) return rest;
    this.growing = undefined;
    const { consumed } = this.parse(frame, () => frameMemory.giveBack(frame));
    return consumed === 0 ? Buffer.concat([frame, rest]) : rest;
  }

  private seek(bytes: Buffer): { consumed: number; needed?: number } {
    const at = bytes.indexOf(this.preamble);
    if (at >= 0) {
      this.seeking = false;
      return { consumed: at + this.preamble.length };
    }
    const keep = Math.min(bytes.length, this.preamble.length - 1);
    return { consumed: bytes.length - keep, needed: this.preamble.length };
  }

  private parse(bytes: Buffer, release?: () => void): { consumed: number; needed?: number } {
    if (bytes.length < LENGTH_BYTES) return { consumed: 0, needed: LENGTH_BYTES };
    const length = bytes.readUInt32LE(0);
    if (length === 0) return { consumed: LENGTH_BYTES };
    const total = length + LENGTH_BYTES;
    if (length < EMPTY_LENGTH || total > MAX_FRAME_BYTES) return this.tear();
    if (bytes.length < total) return { consumed: 0, needed: total };
    const headEnd = HEADER_BYTES + bytes.readUInt32LE(8);
    const payloadEnd = total - TRAILER_BYTES;
    if (headEnd > payloadEnd || bytes.readUInt32LE(payloadEnd) !== TRAILER) return this.tear();
    if (!release) this.handedOn++;
    this.onFrame({
      id: bytes.readUInt32LE(4),
      type: bytes[12] ?? 0,
      end: ((bytes[13] ?? 0) & FLAG_END) !== 0,
      head: headEnd === HEADER_BYTES ? NOTHING : bytes.subarray(HEADER_BYTES, headEnd),
      payload: headEnd === payloadEnd ? NOTHING : bytes.subarray(headEnd, payloadEnd),
      ...(release ? { release } : {}),
    });
    return { consumed: total };
  }

  /** Nothing is skipped here: what is no frame may be the next preamble. */
  private tear(): { consumed: number } {
    this.torn++;
    this.seeking = true;
    return { consumed: 0 };
  }
}
