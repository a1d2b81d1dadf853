import type { RpcId } from './rpc-call.js';
import { RpcError, RpcErrorCode, type RpcErrorObject } from './rpc-error.js';

/** Ids are echoed in every reply and often in notifications, so a huge one would be an amplifier. */
const MAX_ID_LENGTH = 1_024;

/** What may be one, for a refusal. */
export const AN_ID =
  `null, a string of at most ${MAX_ID_LENGTH} characters, or a number of at most ${Number.MAX_SAFE_INTEGER}, ` +
  'since a greater one would come back as another';

/** A well-formed request; an array of params is well-formed too and refused later, when the method is known. */
export interface RpcRequest {
  method: string;
  params: Record<string, unknown> | unknown[];
  /** `undefined` for a notification. */
  id: RpcId | undefined;
}

/** What a message is that is no request: the error to answer and under which id. */
export interface Refusal {
  id: RpcId;
  error: RpcError;
}

/** Reads one message by the rules of JSON-RPC 2.0. Unknown members are ignored. */
export function readRequest(message: unknown): RpcRequest | Refusal {
  if (!isObject(message)) return refuse(null, 'a request is an object');
  const { jsonrpc, method, params = {}, id } = message;
  if (id !== undefined && !isId(id)) {
    return refuse(null, `id must be ${AN_ID}`);
  }
  if (typeof method !== 'string') {
    // It may be a reply: its id is one of ours, and echoing it would look like the answer to a call of the client's.
    return refuse(null, 'method must be a string');
  }
  if (jsonrpc !== '2.0') return refuse(id ?? null, 'jsonrpc must be "2.0"');
  if (!isObject(params) && !Array.isArray(params)) {
    return refuse(id ?? null, 'params must be an object, or be left out where there are none');
  }
  return { method, params, id };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number beyond the whole ones that a double tells apart has been rounded already when it comes here. */
export function isId(value: unknown): value is RpcId {
  if (typeof value === 'string') return value.length <= MAX_ID_LENGTH;
  return value === null || (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER);
}

function refuse(id: RpcId, why: string): Refusal {
  return { id, error: new RpcError(RpcErrorCode.InvalidRequest, `Invalid request: ${why}`) };
}

/** The text of a successful response. Throws when the result is not JSON: BigInt, a cycle, a function. */
export function resultText(id: RpcId, result: unknown): string {
  const json = JSON.stringify(result ?? null) as string | undefined;
  if (json === undefined) throw new TypeError(`A result of type ${typeof result} is not JSON`);
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${json}}`;
}

/** The text of an error response. Never throws: data that is not JSON is reduced to its reason. */
export function errorText(id: RpcId, { code, message, data }: RpcErrorObject): string {
  try {
    return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, data } });
  } catch {
    return JSON.stringify({ jsonrpc: '2.0', id, error: { code, message, data: { reason: data.reason } } });
  }
}
