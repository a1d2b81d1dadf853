import { describe, expect, it } from 'vitest';

import { freeMemory } from './free-memory.js';

describe('freeMemory', () => {
  it('takes large bytes from whoever still has them', () => {
    const bytes = Buffer.alloc(65_536);
    freeMemory(bytes);

    expect(bytes).toHaveLength(0);
    expect(bytes.buffer.byteLength).toBe(0);
  });

  it('gives the memory back without a collection', () => {
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 1_000; round++) freeMemory(Buffer.allocUnsafeSlow(1_000_000));

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000);
  });

  it.each([
    ['are small', Buffer.from('few bytes')],
    ['share their memory with others', Buffer.alloc(65_536).subarray(1)],
    ['are nobody else’s to take', Buffer.from(new SharedArrayBuffer(65_536))],
  ])('leaves bytes alone that %s', (_which, bytes) => {
    const { length } = bytes;
    freeMemory(bytes);

    expect(bytes).toHaveLength(length);
  });

  it('may be asked twice', () => {
    const bytes = Buffer.alloc(65_536);
    freeMemory(bytes);

    expect(() => freeMemory(bytes)).not.toThrow();
  });
});
