import { isUtf8 } from 'node:buffer';
import type { JsonRpcLimits } from './options.js';
import { RpcError, RpcErrorCode } from './rpc-error.js';

type FrameLimits = Pick<JsonRpcLimits, 'maxDepth' | 'maxValues' | 'maxBatch'>;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Parses a frame, text or binary alike. Throws an RpcError for what is not JSON or is beyond a limit. */
export function parseFrame(frame: Buffer, limits: FrameLimits): unknown {
  // ws has checked text frames already; binary ones may hold anything.
  if (!isUtf8(frame)) {
    throw new RpcError(RpcErrorCode.ParseError, 'Parse error: the frame is not UTF-8');
  }
  checkShape(frame, limits);
  try {
    return JSON.parse(frame.toString('utf8'));
  } catch {
    throw new RpcError(RpcErrorCode.ParseError, 'Parse error: the frame is not JSON');
  }
}

/**
 * Counts before parsing, without recursion and without building anything: a few megabytes of brackets would become
 * hundreds of megabytes of objects, and code behind the parser (validation, JSON.stringify) recurses.
 * Frames that are not JSON are counted wrongly here and refused by the parser afterwards.
 */
function checkShape(frame: Buffer, { maxDepth, maxValues, maxBatch }: FrameLimits): void {
  let depth = 0;
  let values = 1;
  let members = 1;
  let isBatch = false;
  for (let at = 0; at < frame.length; at++) {
    const byte = frame[at] ?? 0;
    switch (byte) {
      case QUOTE:
        at = endOfString(frame, at);
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        if (depth === 0) isBatch = byte === OPEN_BRACKET;
        depth++;
        values++;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth--;
        break;
      case COMMA:
        values++;
        if (depth === 1 && isBatch) members++;
        break;
      default:
        continue;
    }
    if (depth > maxDepth) throw tooMuch(`nested deeper than ${maxDepth} levels`);
    if (values > maxValues) throw tooMuch(`more than ${maxValues} values`);
    if (members > maxBatch) throw tooMuch(`more than ${maxBatch} members in a batch`);
  }
}

/** Most bytes of a large frame are inside strings: `indexOf` crosses them at the speed of memchr. */
function endOfString(frame: Buffer, start: number): number {
  let end = start;
  do {
    end = frame.indexOf(QUOTE, end + 1);
    if (end < 0) return frame.length;
  } while (isEscaped(frame, start, end));
  return end;
}

function isEscaped(frame: Buffer, start: number, quote: number): boolean {
  let at = quote - 1;
  while (at > start && frame[at] === BACKSLASH) at--;
  return (quote - 1 - at) % 2 === 1;
}

function tooMuch(what: string): RpcError {
  return new RpcError(RpcErrorCode.InvalidRequest, `Invalid request: ${what}`);
}
