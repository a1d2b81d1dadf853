import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IsInt, IsOptional } from 'class-validator';
import { RpcGateway, RpcMethod, RpcParams } from './index.js';
import { start, stopAll, type Client, type Message } from './testing/support.js';

class SubtractParams {
  @IsInt()
  minuend: number;

  @IsInt()
  subtrahend: number;
}

class AnyParams {
  @IsOptional()
  values?: unknown;
}

@RpcGateway()
class SpecGateway {
  @RpcMethod('subtract')
  subtract(@RpcParams() { minuend, subtrahend }: SubtractParams) {
    return minuend - subtrahend;
  }

  @RpcMethod('get_data')
  getData() {
    return ['hello', 5];
  }

  @RpcMethod('update')
  update(@RpcParams() params: AnyParams) {
    return params;
  }

  @RpcMethod('sum')
  sum(@RpcParams() params: AnyParams) {
    return params;
  }
}

const invalid: Message = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32600, message: expect.any(String) as string, data: { reason: 'invalid_request' } },
};

const positional = (id: string | number) => ({
  jsonrpc: '2.0',
  id,
  error: {
    code: -32602,
    message: expect.stringContaining('params') as string,
    data: { reason: 'invalid_params', violations: [{ field: 'params', message: expect.any(String) as string }] },
  },
});

const unknownMethod = (id: string | number) => ({
  jsonrpc: '2.0',
  id,
  error: { code: -32601, message: expect.any(String) as string, data: { reason: 'method_not_found' } },
});

const unparsable = {
  jsonrpc: '2.0',
  id: null,
  error: { code: -32700, message: expect.any(String) as string, data: { reason: 'parse_error' } },
};

/** Section 7 of the specification, where its examples pass params by position adapted to their refusal. */
const examples: [name: string, sent: string, answer: unknown][] = [
  [
    'rpc call with positional parameters',
    '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    positional(1),
  ],
  [
    'rpc call with named parameters',
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    { jsonrpc: '2.0', result: 19, id: 3 },
  ],
  [
    'rpc call with named parameters in another order',
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    { jsonrpc: '2.0', result: 19, id: 4 },
  ],
  ['a notification', '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined],
  ['a notification without such a method', '{"jsonrpc": "2.0", "method": "foobar"}', undefined],
  ['rpc call of non-existent method', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', unknownMethod('1')],
  ['rpc call with invalid JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', unparsable],
  ['rpc call with invalid Request object', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', invalid],
  [
    'rpc call Batch, invalid JSON',
    '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]',
    unparsable,
  ],
  ['rpc call with an empty Array', '[]', invalid],
  ['rpc call with an invalid Batch (but not empty)', '[1]', [invalid]],
  ['rpc call with invalid Batch', '[1,2,3]', [invalid, invalid, invalid]],
  [
    'rpc call Batch',
    `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    [
      positional('1'),
      { jsonrpc: '2.0', result: 19, id: '2' },
      invalid,
      unknownMethod('5'),
      { jsonrpc: '2.0', result: ['hello', 5], id: '9' },
    ],
  ],
  [
    'rpc call Batch (all notifications)',
    `[
      {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
    undefined,
  ],
];

describe('the examples of the JSON-RPC 2.0 specification', () => {
  let client: Client;

  beforeAll(async () => {
    client = await (await start({ providers: [SpecGateway] })).connect();
  });
  afterAll(stopAll);

  it.each(examples)('%s', async (_name, sent, answer) => {
    client.send(sent);
    if (answer !== undefined) {
      expect(await client.next()).toEqual(answer);
      return;
    }
    // Frames are taken in order and refused at once, so the next reply would be the forbidden one.
    expect(await client.ask('{"jsonrpc":"2.0","method":"get_data","id":"after"}')).toMatchObject({ id: 'after' });
  });
});

describe('ids and members', () => {
  let client: Client;

  beforeAll(async () => {
    client = await (await start({ providers: [SpecGateway] })).connect();
  });
  afterAll(stopAll);

  it.each([['a'], [''], [0], [-1], [1.5], [null]])('echoes the id %j', async (id) => {
    expect(await client.ask({ jsonrpc: '2.0', method: 'get_data', id })).toEqual({
      jsonrpc: '2.0',
      id,
      result: ['hello', 5],
    });
  });

  it.each([[true], [[1]], [{ a: 1 }], ['x'.repeat(1025)]])('refuses the id %j', async (id) => {
    expect(await client.ask({ jsonrpc: '2.0', method: 'get_data', id })).toEqual(invalid);
  });

  it.each(['9007199254740991', '-9007199254740991'])('echoes the id %s', async (id) => {
    const { method: _none, ...reply } = await client.ask(`{"jsonrpc":"2.0","method":"get_data","id":${id}}`);
    expect(String(reply.id)).toBe(id);
  });

  it.each(['9007199254740993', '-9007199254740993', '12345678901234567890', '1e300', '1e999'])(
    'refuses the id %s, which would come back as another, and says so',
    async (id) => {
      const reply = await client.ask(`{"jsonrpc":"2.0","method":"get_data","id":${id}}`);
      expect(reply).toEqual(invalid);
      expect(reply.error?.message).toMatch(/id must be .*9007199254740991/);
    },
  );

  it('refuses params that are null, and says what they may be', async () => {
    const reply = await client.ask('{"jsonrpc":"2.0","method":"get_data","id":7,"params":null}');
    expect(reply).toEqual({ ...invalid, id: 7 });
    expect(reply.error?.message).toBe('Invalid request: params must be an object, or be left out where there are none');
  });

  it.each([[undefined], ['1.0'], [2]])('refuses version %j under the id of the request', async (jsonrpc) => {
    expect(await client.ask({ jsonrpc, method: 'get_data', id: 7 })).toEqual({ ...invalid, id: 7 });
  });

  it.each([[null], ['bar'], [5], [false]])('refuses params %j', async (params) => {
    expect(await client.ask({ jsonrpc: '2.0', method: 'get_data', id: 7, params })).toEqual({ ...invalid, id: 7 });
  });

  it.each([[{ result: 1 }], [{ error: { code: 1, message: 'no' } }]])(
    'does not echo the id of a message that looks like a reply: %j',
    async (member) => {
      expect(await client.ask({ jsonrpc: '2.0', id: 7, ...member })).toEqual(invalid);
    },
  );

  it('ignores unknown members', async () => {
    expect(await client.ask({ jsonrpc: '2.0', id: 1, method: 'get_data', trace: 'x' })).toMatchObject({ id: 1 });
  });

  it.each(['constructor', '__proto__', 'toString', 'rpc.nothing', '$/nothing'])('has no method %s', async (method) => {
    expect(await client.call(method)).toMatchObject({ error: { code: -32601 } });
  });

  it('takes a binary frame of UTF-8 for text, and refuses any other', async () => {
    const request = Buffer.from('{"jsonrpc":"2.0","method":"get_data","id":"ü"}');
    expect(await client.ask(request)).toMatchObject({ id: 'ü' });
    expect(await client.ask(Buffer.from([0x22, 0xff, 0x22]))).toEqual(unparsable);
  });

  it('is not polluted by __proto__ in a frame', async () => {
    await client.ask('{"__proto__":{"method":"get_data"},"jsonrpc":"2.0","id":1}');
    await client.ask('{"jsonrpc":"2.0","id":1,"method":"update","params":{"__proto__":{"polluted":1}}}');
    await client.ask(
      '{"jsonrpc":"2.0","id":1,"method":"update","params":{"constructor":{"prototype":{"polluted":1}}}}',
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(await client.call('get_data')).toMatchObject({ result: ['hello', 5] });
  });
});
