import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFrame } from './frame.js';

const roomy = { maxDepth: 1_000, maxValues: 1e6, maxBatch: 1e6 };
const parse = (text: string, limits = {}) => parseFrame(Buffer.from(text), { ...roomy, ...limits });

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('parseFrame', () => {
  it('should parse whatever is JSON as JSON.parse does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('should count depth exactly, whatever stands in strings', () => {
    const tricky = fc.stringMatching(/^[[\]{}"\\,a]{0,8}$/);
    const value = fc.anything({ values: [tricky, fc.integer()], key: tricky, maxDepth: 5 });
    fc.assert(
      fc.property(value, (value) => {
        const text = JSON.stringify(value) as string | undefined;
        if (text === undefined) return;
        const depth = depthOf(JSON.parse(text));
        expect(() => parse(text, { maxDepth: depth })).not.toThrow();
        if (depth > 0) expect(() => parse(text, { maxDepth: depth - 1 })).toThrow('deeper');
      }),
    );
  });

  it('should count the members of a batch exactly, and of nothing else', () => {
    const member = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(fc.array(member, { minLength: 1, maxLength: 20 }), (members) => {
        const text = JSON.stringify(members);
        expect(() => parse(text, { maxBatch: members.length })).not.toThrow();
        if (members.length > 1) expect(() => parse(text, { maxBatch: members.length - 1 })).toThrow('batch');
        expect(() => parse(`{"a":${text},"b":1,"c":2}`, { maxBatch: 1 })).not.toThrow();
      }),
    );
  });

  it('should be quick with large strings and hostile quotes', () => {
    const text = JSON.stringify({ content: '\\"'.repeat(2e6) });
    expect(parse(text)).toEqual(JSON.parse(text));
    expect(() => parse(`"${'\\'.repeat(4e6)}`)).toThrow('not JSON');
  });
});
