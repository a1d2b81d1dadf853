import { AgentError } from './agent-error.js';
import type { OutputChunk } from './agent-types.js';

const HEAD_BYTES = 17;
const STDERR = 2;
const CHANNEL = 3;

/** What a program wrote to its channel. `data` is valid during the call only, as an OutputChunk's. */
export type ChannelWords = Omit<OutputChunk, 'stream'>;

export function isOfChannel(head: Buffer): boolean {
  return head[0] === CHANNEL;
}

/** A frame of output, whose head is binary: PROTOCOL.md, *Output*. */
export function toChunk(head: Buffer, data: Buffer): OutputChunk {
  return { stream: head[0] === STDERR ? 'stderr' : 'stdout', ...toWords(head, data) };
}

export function toWords(head: Buffer, data: Buffer): ChannelWords {
  if (head.length < HEAD_BYTES) throw new AgentError('internal', 'the agent sent output without its head');
  return { seq: Number(head.readBigUInt64LE(1)), offset: Number(head.readBigUInt64LE(9)), data };
}
