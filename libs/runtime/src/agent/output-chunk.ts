import { AgentError } from './agent-error.js';
import type { OutputChunk } from './agent-types.js';

const HEAD_BYTES = 17;

/** A frame of output, whose head is binary: PROTOCOL.md, *Output*. */
export function toChunk(head: Buffer, data: Buffer): OutputChunk {
  if (head.length < HEAD_BYTES) throw new AgentError('internal', 'the agent sent output without its head');
  return {
    stream: head[0] === 2 ? 'stderr' : 'stdout',
    seq: Number(head.readBigUInt64LE(1)),
    offset: Number(head.readBigUInt64LE(9)),
    data,
  };
}
