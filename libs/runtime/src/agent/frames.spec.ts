import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import {
  dataFrame,
  encodeFrame,
  FLAG_END,
  type Frame,
  FrameParser,
  FrameTooLargeError,
  FrameType,
  MAX_DATA_BYTES,
  MAX_FRAME_BYTES,
  PREAMBLE,
} from './frames.js';

const OVERHEAD_BYTES = 20;
const NONCE = '0123456789abcdef0123456789abcdef';
const GREETING = Buffer.concat([PREAMBLE, Buffer.from(NONCE)]);
const PADDING = Buffer.alloc(4);

interface Plain {
  id: number;
  type: number;
  end: boolean;
  head: string;
  payload: string;
}

/** A parser and what it has yielded, copied at once as the frames' bytes are only lent. */
function parsing(): { parser: FrameParser; frames: Plain[] } {
  const frames: Plain[] = [];
  return { parser: new FrameParser(GREETING, (frame) => frames.push(plain(frame))), frames };
}

function plain({ id, type, end, head, payload }: Frame): Plain {
  return { id, type, end, head: head.toString('hex'), payload: payload.toString('hex') };
}

function encoded({ id, type, end, head, payload }: Plain): Buffer {
  return encodeFrame(id, type, Buffer.from(head, 'hex'), Buffer.from(payload, 'hex'), end);
}

const hex = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('hex'));

const anyFrame: fc.Arbitrary<Plain> = fc.record({
  id: fc.integer({ min: 0, max: 0xffff_ffff }),
  type: fc.integer({ min: 0, max: 255 }),
  end: fc.boolean(),
  head: hex(64),
  payload: hex(512),
});

/** Cuts bytes at the given places, wherever they fall. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, index) => bytes.subarray(at[index - 1] ?? 0, end));
}

const FRAME: Plain = { id: 7, type: FrameType.data, end: true, head: '0102', payload: 'aabbcc' };

describe('encodeFrame', () => {
  it('lays a frame out as PROTOCOL.md has it', () => {
    const bytes = encodeFrame(0x01020304, FrameType.request, '{"a":1}', Buffer.from('xyz'), true);

    expect(bytes.readUInt32LE(0)).toBe(bytes.length - 4);
    expect(bytes.readUInt32LE(4)).toBe(0x01020304);
    expect(bytes.readUInt32LE(8)).toBe(7);
    expect(bytes[12]).toBe(2);
    expect(bytes[13]).toBe(FLAG_END);
    expect(bytes.readUInt16LE(14)).toBe(0);
    expect(bytes.subarray(16).toString()).toBe('{"a":1}xyzCB.\n');
  });

  it('measures a head in bytes, not in characters', () => {
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, encodeFrame(1, FrameType.event, '{"é":"☃"}', Buffer.alloc(0), false)]));

    expect(Buffer.from(frames[0]?.head ?? '', 'hex').toString()).toBe('{"é":"☃"}');
  });

  it('makes a frame of exactly the largest size and none that is larger', () => {
    const largest = encodeFrame(1, FrameType.data, '', Buffer.alloc(MAX_FRAME_BYTES - OVERHEAD_BYTES), false);
    expect(largest).toHaveLength(MAX_FRAME_BYTES);

    const over = () => encodeFrame(1, FrameType.data, '', Buffer.alloc(MAX_FRAME_BYTES - OVERHEAD_BYTES + 1), false);
    expect(over).toThrow(FrameTooLargeError);
    expect(over).toThrow(/262145 bytes/);
  });
});

describe('dataFrame', () => {
  it.each([0, 1, 32_767, 32_768, MAX_DATA_BYTES])('has in its parts what a frame of %i bytes is', (bytes) => {
    const payload = Buffer.alloc(bytes, 'abc');

    expect(Buffer.concat(dataFrame(7, payload))).toEqual(encodeFrame(7, FrameType.data, '', payload, false));
  });

  it('copies no large payload', () => {
    const payload = Buffer.alloc(MAX_DATA_BYTES);

    expect(dataFrame(7, payload)[1]).toBe(payload);
  });

  it('makes none that is larger than a frame may be', () => {
    expect(() => dataFrame(7, Buffer.alloc(MAX_FRAME_BYTES - OVERHEAD_BYTES + 1))).toThrow(FrameTooLargeError);
  });
});

/** A frame as files come in, told from others by its bytes. */
function fileFrame(fill: number): Buffer {
  return encodeFrame(fill, FrameType.data, '', Buffer.alloc(MAX_DATA_BYTES, fill), false);
}

function pushInPieces(parser: FrameParser, bytes: Buffer, pieceBytes = 20_000): void {
  for (let at = 0; at < bytes.length; at += pieceBytes) parser.push(bytes.subarray(at, at + pieceBytes));
}

describe('FrameParser of large frames', () => {
  it('yields them whole, with what is between them, wherever they are cut', () => {
    const small = { ...FRAME, id: 9 };
    const stream = Buffer.concat([GREETING, fileFrame(1), encoded(small), PADDING, fileFrame(2), encoded(small)]);
    for (const pieceBytes of [4_099, 20_000, 65_536, stream.length]) {
      const { parser, frames } = parsing();
      pushInPieces(parser, stream, pieceBytes);

      expect(frames.map(({ id }) => id)).toEqual([1, 9, 2, 9]);
      expect(frames[2]?.payload).toBe('02'.repeat(MAX_DATA_BYTES));
    }
  });

  it('leaves the bytes of a frame alone until they are given back, and uses their memory then', () => {
    const yielded: Frame[] = [];
    const parser = new FrameParser(GREETING, (frame) => yielded.push(frame));
    pushInPieces(parser, Buffer.concat([GREETING, fileFrame(1), fileFrame(2)]));
    const [first, second] = yielded;
    expect([first, second].map((frame) => frame?.payload.every((byte) => byte === frame.id))).toEqual([true, true]);

    first?.release?.();
    pushInPieces(parser, fileFrame(3));
    expect(yielded[2]?.payload.buffer).toBe(first?.payload.buffer);
    expect(second?.payload.every((byte) => byte === 2)).toBe(true);
  });

  it('has nothing any more of bytes that it calls free, wherever they are cut', () => {
    const small = encodeFrame(9, FrameType.data, 'head', Buffer.alloc(300, 9), false);
    const stream = Buffer.concat([GREETING, fileFrame(1), small, PADDING, fileFrame(2), small, fileFrame(3)]);
    const property = fc.property(fc.array(fc.integer({ min: 1, max: 140_000 }), { minLength: 1 }), (sizes) => {
      const yielded: Frame[] = [];
      const parser = new FrameParser(GREETING, (frame) => yielded.push(frame));
      let free = 0;
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        const piece = Buffer.from(stream.subarray(at, at + Math.max(size, 1_000)));
        at += piece.length;
        if (parser.push(piece)) {
          piece.fill(0xff);
          free += piece.length;
        }
      }

      expect(yielded.map(({ id }) => id)).toEqual([1, 9, 2, 9, 3]);
      for (const { id, payload } of yielded) expect(payload.equals(Buffer.alloc(payload.length, id))).toBe(true);
      if (sizes.every((size) => size <= 32_768)) expect(free).toBeGreaterThan(MAX_DATA_BYTES);
    });
    fc.assert(property, { numRuns: 50 });
  });

  it('looks for a preamble in one that is torn', () => {
    const { parser, frames } = parsing();
    const torn = Buffer.concat([fileFrame(1).subarray(0, 70_000), GREETING, encoded(FRAME)]);
    pushInPieces(parser, Buffer.concat([GREETING, torn, Buffer.alloc(MAX_DATA_BYTES)]));

    expect(frames).toEqual([FRAME]);
    expect(parser.torn).toBe(1);
  });
});

describe('FrameParser', () => {
  it('yields what was encoded', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 8 }), (sent) => {
        const { parser, frames } = parsing();
        parser.push(Buffer.concat([GREETING, ...sent.map(encoded)]));

        expect(frames).toEqual(sent);
        expect(parser.torn).toBe(0);
      }),
      { numRuns: 50 },
    );
  });

  it('yields a frame whole wherever the stream is cut in two', () => {
    const stream = Buffer.concat([GREETING, PADDING, encoded(FRAME), encoded({ ...FRAME, id: 8 })]);
    for (let at = 0; at <= stream.length; at++) {
      const { parser, frames } = parsing();
      parser.push(stream.subarray(0, at));
      parser.push(stream.subarray(at));

      expect(frames, `cut at ${at}`).toEqual([FRAME, { ...FRAME, id: 8 }]);
    }
  });

  it('yields frames that come byte by byte', () => {
    const { parser, frames } = parsing();
    for (const byte of Buffer.concat([GREETING, encoded(FRAME)])) parser.push(Buffer.from([byte]));

    expect(frames).toEqual([FRAME]);
  });

  it('yields the same frames however a valid stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyFrame, fc.integer({ min: 0, max: 3 })), { maxLength: 6 }),
        fc.array(fc.nat(10_000), { maxLength: 40 }),
        (sent, places) => {
          const parts = sent.flatMap(([frame, pads]) => [Buffer.alloc(4 * pads), encoded(frame)]);
          const { parser, frames } = parsing();
          for (const piece of cut(Buffer.concat([GREETING, ...parts]), places)) parser.push(piece);

          expect(frames).toEqual(sent.map(([frame]) => frame));
          expect(parser.torn).toBe(0);
        },
      ),
    );
  });

  it('skips whatever comes before the preamble', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(1_000), { maxLength: 10 }), (garbage, places) => {
        const { parser, frames } = parsing();
        for (const piece of cut(Buffer.concat([garbage, GREETING, encoded(FRAME)]), places)) parser.push(piece);

        expect(frames).toEqual([FRAME]);
      }),
    );
  });

  it('skips beginnings of the preamble, even one that overlaps the real one', () => {
    for (let length = 1; length < GREETING.length; length++) {
      const { parser, frames } = parsing();
      parser.push(Buffer.concat([GREETING.subarray(0, length), GREETING, encoded(FRAME)]));

      expect(frames, `after ${length} bytes of it`).toEqual([FRAME]);
    }
  });

  it('never throws and never yields a frame before the preamble, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), fc.boolean(), (chunks, asFrames) => {
        const { parser, frames } = parsing();
        for (const chunk of chunks) {
          const bytes = Buffer.from(chunk);
          parser.push(asFrames ? encodeFrame(1, FrameType.response, '', bytes, true) : bytes);
        }

        expect(frames).toEqual([]);
        expect(parser.inStep).toBe(false);
      }),
    );
  });

  it('does not take the preamble of another connection for its own', () => {
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([PREAMBLE, Buffer.from(NONCE.replaceAll('0', 'f')), encoded(FRAME)]));

    expect(frames).toEqual([]);
    expect(parser.inStep).toBe(false);
  });

  it('never throws after the preamble either, and yields nothing that is larger than a frame may be', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (chunks) => {
        const { parser, frames } = parsing();
        parser.push(GREETING);
        for (const chunk of chunks) parser.push(Buffer.from(chunk));

        const sent = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        const yielded = frames.reduce(
          (sum, { head, payload }) => sum + (head.length + payload.length) / 2 + OVERHEAD_BYTES,
          0,
        );
        expect(yielded).toBeLessThanOrEqual(sent);
      }),
    );
  });

  it('skips padding of any length between frames', () => {
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, Buffer.alloc(MAX_FRAME_BYTES), encoded(FRAME), PADDING, encoded(FRAME)]));

    expect(frames).toEqual([FRAME, FRAME]);
    expect(parser.torn).toBe(0);
  });

  it('takes a frame of the largest size and calls one byte more torn', () => {
    const { parser, frames } = parsing();
    parser.push(
      Buffer.concat([GREETING, encodeFrame(1, 4, '', Buffer.alloc(MAX_FRAME_BYTES - OVERHEAD_BYTES), false)]),
    );
    expect(frames).toHaveLength(1);

    const length = Buffer.alloc(4);
    length.writeUInt32LE(MAX_FRAME_BYTES - 4 + 1);
    parser.push(length);
    expect(parser.torn).toBe(1);
    expect(parser.inStep).toBe(false);
  });

  it.each([1, 15, 0x7fff_ffff, 0xffff_ffff])('calls a length of %i torn without waiting for it', (length) => {
    const { parser } = parsing();
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(length);
    parser.push(Buffer.concat([GREETING, bytes]));

    expect(parser.torn).toBe(1);
  });

  it('calls a frame torn whose head overruns it', () => {
    const bytes = encoded(FRAME);
    bytes.writeUInt32LE(6, 8);
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, bytes]));

    expect(frames).toEqual([]);
    expect(parser.torn).toBe(1);
  });

  it('calls a frame torn whose head length would overflow', () => {
    const bytes = encoded(FRAME);
    bytes.writeUInt32LE(0xffff_ffff, 8);
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, bytes]));

    expect(frames).toEqual([]);
    expect(parser.torn).toBe(1);
  });

  it('calls a frame torn that lost bytes, and is in step again after the next preamble', () => {
    fc.assert(
      fc.property(anyFrame, fc.nat(), fc.array(fc.nat(5_000), { maxLength: 10 }), (torn, place, places) => {
        const whole = encoded(torn);
        const kept = Math.max(1, place % whole.length);
        // As a dead server leaves it: half a frame, then enough zeros to complete any.
        const stream = [GREETING, whole.subarray(0, kept), Buffer.alloc(MAX_FRAME_BYTES), GREETING, encoded(FRAME)];
        const { parser, frames } = parsing();
        for (const piece of cut(Buffer.concat(stream), places)) parser.push(piece);

        expect(frames.at(-1)).toEqual(FRAME);
        expect(frames).toHaveLength(1);
        expect(parser.torn).toBe(1);
      }),
      { numRuns: 30 },
    );
  });

  // PROTOCOL.md: the reader "goes back to looking for the preamble". The four bytes that were no length are skipped,
  // so a preamble that begins within them is overlooked.
  it('finds a preamble that stands where a length should be', () => {
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, encoded(FRAME), GREETING, encoded(FRAME)]));

    expect(frames).toEqual([FRAME, FRAME]);
  });

  it('obeys nothing between a torn frame and the next preamble', () => {
    const { parser, frames } = parsing();
    parser.push(Buffer.concat([GREETING, Buffer.from([9, 0, 0, 0]), encoded(FRAME), encoded(FRAME)]));

    expect(frames).toEqual([]);
  });

  it('joins a large frame in many pieces once', () => {
    const concat = vi.spyOn(Buffer, 'concat');
    try {
      const { parser, frames } = parsing();
      parser.push(GREETING);
      const bytes = encodeFrame(1, FrameType.data, '', Buffer.alloc(100_000, 1), false);
      concat.mockClear();
      for (let at = 0; at < bytes.length; at += 10) parser.push(bytes.subarray(at, at + 10));

      expect(frames).toHaveLength(1);
      expect(concat.mock.calls.length).toBeLessThan(5);
    } finally {
      concat.mockRestore();
    }
  });
});
