import fc from 'fast-check';
import { Duplex } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';

import { AttachTransport } from './attach-transport.js';

const STDOUT = 1;
const STDERR = 2;

/** An attached container: what the engine sends is pushed, what it is sent waits until it is taken. */
class Attached extends Duplex {
  readonly taken: Buffer[] = [];
  private readonly waiting: (() => void)[] = [];
  isSlow = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.taken.push(chunk);
    if (this.isSlow) this.waiting.push(() => done());
    else done();
  }

  takeAll(): void {
    for (const done of this.waiting.splice(0)) done();
  }
}

function attached() {
  const stream = new Attached();
  const onStderr = vi.fn();
  const transport = new AttachTransport(stream, onStderr);
  const received: Buffer[] = [];
  const onClose = vi.fn();
  transport.start({ onData: (bytes) => void received.push(Buffer.from(bytes)), onClose });
  return { stream, transport, received, onClose, onStderr };
}

function packet(kind: number, payload: string | Buffer): Buffer {
  const bytes = Buffer.from(payload as string);
  const header = Buffer.alloc(8);
  header[0] = kind;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

const closed = (stream: Duplex) => new Promise((resolve) => stream.once('close', resolve));

describe('what the engine sends', () => {
  it('is taken apart wherever the stream is cut in two', () => {
    const sent = Buffer.concat([
      packet(STDOUT, 'one'),
      packet(STDOUT, ''),
      packet(STDERR, 'log'),
      packet(STDOUT, 'two'),
    ]);
    for (let at = 0; at <= sent.length; at++) {
      const { stream, received, onStderr } = attached();
      stream.emit('data', sent.subarray(0, at));
      stream.emit('data', sent.subarray(at));

      expect(Buffer.concat(received).toString(), `cut at ${at}`).toBe('onetwo');
      expect(onStderr.mock.calls.flat().join('')).toBe('log');
    }
  });

  it('is taken apart byte by byte', () => {
    const { stream, received } = attached();
    for (const byte of Buffer.concat([packet(STDOUT, 'one'), packet(STDOUT, 'two')])) {
      stream.emit('data', Buffer.from([byte]));
    }

    expect(Buffer.concat(received).toString()).toBe('onetwo');
  });

  it('is the same however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(STDOUT, STDERR), fc.uint8Array({ maxLength: 300 })), { maxLength: 8 }),
        fc.array(fc.nat(3_000), { maxLength: 20 }),
        (packets, places) => {
          const sent = Buffer.concat(packets.map(([kind, bytes]) => packet(kind, Buffer.from(bytes))));
          const cuts = [...new Set(places.map((place) => place % (sent.length + 1)))].sort((a, b) => a - b);
          const { stream, received } = attached();
          for (const [index, end] of [...cuts, sent.length].entries()) {
            stream.emit('data', sent.subarray(cuts[index - 1] ?? 0, end));
          }

          const stdout = packets.filter(([kind]) => kind === STDOUT).map(([, bytes]) => bytes);
          expect(Buffer.concat(received).equals(Buffer.concat(stdout))).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('reads a length of more than 2 GiB as it is', () => {
    const { stream, received } = attached();
    stream.emit('data', Buffer.from([STDOUT, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]));
    stream.emit('data', Buffer.from('still inside'));

    expect(Buffer.concat(received).toString()).toBe('still inside');
  });

  it('is not copied on the way', () => {
    const stream = new Attached();
    const transport = new AttachTransport(stream, () => undefined);
    let received: Buffer | undefined;
    transport.start({ onData: (bytes) => void (received = bytes), onClose: () => undefined });
    const chunk = packet(STDOUT, 'payload');
    stream.emit('data', chunk);

    expect(received?.buffer).toBe(chunk.buffer);
  });

  it.each([
    [true, 0],
    [undefined, 70_008],
  ])('has its memory given back only where nobody has it any more (%s)', (isFree, left) => {
    const stream = new Attached();
    const transport = new AttachTransport(stream, () => undefined);
    transport.start({ onData: () => isFree, onClose: () => undefined });
    const chunk = packet(STDOUT, Buffer.alloc(70_000));
    stream.emit('data', chunk);

    expect(chunk).toHaveLength(left);
  });

  it('keeps its memory where one part of it is still wanted', () => {
    const stream = new Attached();
    const transport = new AttachTransport(stream, () => undefined);
    const answers = [true, undefined, true];
    transport.start({ onData: () => answers.shift(), onClose: () => undefined });
    const chunk = Buffer.concat([1, 2, 3].map((fill) => packet(STDOUT, Buffer.alloc(30_000, fill))));
    stream.emit('data', chunk);

    expect(answers).toEqual([]);
    expect(chunk).toHaveLength(90_024);
  });
});

describe('the end of the stream', () => {
  it('is told once when the container ends', async () => {
    const { stream, onClose } = attached();
    const ending = closed(stream);
    stream.push(null);
    await ending;

    expect(onClose.mock.calls).toEqual([[undefined]]);
  });

  it('is told once, with the error that came first', async () => {
    const { stream, onClose } = attached();
    const ending = closed(stream);
    stream.destroy(new Error('read ECONNRESET'));
    await ending;

    expect(onClose).toHaveBeenCalledTimes(1);
    expect(onClose.mock.calls[0]?.[0]).toMatchObject({ message: 'read ECONNRESET' });
  });

  it('is not told to whoever closed it', async () => {
    const { stream, transport, onClose } = attached();
    const ending = closed(stream);
    transport.close();
    await ending;

    expect(stream.destroyed).toBe(true);
    expect(onClose).not.toHaveBeenCalled();
  });
});

describe('what is sent to the container', () => {
  it('goes out as it is', () => {
    const { stream, transport } = attached();
    transport.write(Buffer.from('a'));
    transport.write(Buffer.from('b'));

    expect(Buffer.concat(stream.taken).toString()).toBe('ab');
  });

  it('goes out in the order of its parts', () => {
    const { stream, transport } = attached();
    transport.write(Buffer.from('a'), Buffer.from('b'), Buffer.from('c'));
    transport.write(Buffer.from('d'));

    expect(Buffer.concat(stream.taken).toString()).toBe('abcd');
  });

  it('is told of when all of it has left', () => {
    const { stream, transport } = attached();
    const sent = vi.fn();
    stream.isSlow = true;
    transport.writeThen(sent, Buffer.from('a'), Buffer.from('b'));
    stream.takeAll();
    expect(sent).not.toHaveBeenCalled();

    stream.takeAll();
    expect(Buffer.concat(stream.taken).toString()).toBe('ab');
    return vi.waitFor(() => expect(sent).toHaveBeenCalledOnce());
  });

  it.each<[string, (parts: ReturnType<typeof attached>) => unknown]>([
    ['it was closed before', ({ transport }) => transport.close()],
    ['it broke before', ({ stream }) => stream.destroy()],
    ['it breaks with an error', ({ stream }) => stream.destroy(new Error('broken'))],
  ])('is not told of where %s', async (_what, end) => {
    const parts = attached();
    const sent = vi.fn();
    parts.stream.isSlow = true;
    const ending = closed(parts.stream);
    if (_what.endsWith('before')) end(parts);
    parts.transport.writeThen(sent, Buffer.from('a'), Buffer.from('b'));
    end(parts);
    await ending;

    expect(sent).not.toHaveBeenCalled();
  });

  it('counts as buffered until it has left', async () => {
    const { stream, transport } = attached();
    stream.isSlow = true;
    transport.write(Buffer.alloc(1_000_000));
    expect(transport.bufferedBytes).toBe(1_000_000);

    stream.takeAll();
    await transport.drained();
    expect(transport.bufferedBytes).toBe(0);
  });

  it('drains for everybody who waits', async () => {
    const { stream, transport } = attached();
    stream.isSlow = true;
    transport.write(Buffer.alloc(1_000_000));
    let drained = 0;
    const waiting = [1, 2].map(() => transport.drained().then(() => drained++));
    await Promise.resolve();
    expect(drained).toBe(0);

    stream.takeAll();
    await Promise.all(waiting);
    expect(drained).toBe(2);
  });

  it('does not keep anybody waiting who asks when there is room', async () => {
    const { transport } = attached();

    await expect(transport.drained()).resolves.toBeUndefined();
  });

  it.each<[string, (parts: ReturnType<typeof attached>) => unknown]>([
    ['it is closed', ({ transport }) => transport.close()],
    ['it breaks', ({ stream }) => stream.destroy()],
  ])('keeps nobody waiting when %s', async (_what, end) => {
    const parts = attached();
    parts.stream.isSlow = true;
    parts.transport.write(Buffer.alloc(1_000_000));
    const waiting = parts.transport.drained();
    end(parts);

    await expect(waiting).resolves.toBeUndefined();
    expect(parts.transport.bufferedBytes).toBe(0);
  });

  it('is dropped when it is closed', () => {
    const { stream, transport } = attached();
    transport.close();
    transport.write(Buffer.from('late'));

    expect(stream.taken).toEqual([]);
  });

  // A destroyed stream says that it needs no drain, while what it was writing still counts as buffered until its 'close'
  // event. AgentChannel.room() asks in a loop of microtasks, so it would never let that event happen.
  it('counts nothing as buffered once the stream is destroyed', async () => {
    const { stream, transport } = attached();
    stream.isSlow = true;
    transport.write(Buffer.alloc(2_000_000));
    stream.destroy();
    await transport.drained();

    expect(transport.bufferedBytes).toBe(0);
  });
});
