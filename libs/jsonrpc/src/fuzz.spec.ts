import { Type } from 'class-transformer';
import { IsOptional, IsString, ValidateNested } from 'class-validator';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RpcGateway, RpcMethod, RpcParams } from './index.js';
import { stopAll, start, type Client, type Message, type Started } from './testing/support.js';

class Nested {
  @IsString()
  name: string;
}

class EchoParams {
  @IsOptional()
  value?: unknown;

  @IsOptional()
  @ValidateNested()
  @Type(() => Nested)
  nested?: Nested;
}

@RpcGateway()
class EchoGateway {
  @RpcMethod('echo')
  echo(@RpcParams() params: EchoParams) {
    return params;
  }

  @RpcMethod('ping')
  ping() {
    return 'pong';
  }
}

const names = ['jsonrpc', 'id', 'method', 'params', 'value', 'nested', 'name', '__proto__', 'constructor', 'x'];
const words = ['2.0', 'echo', 'ping', '$/cancelRequest', 'rpc.discover', 'toString', '', '\u0000', '😀', '\ud800'];

/** JSON that looks like JSON-RPC in places. */
const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(...words, null, true, 0, -0, 1.5, 1e308),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names), tie('value'), { maxKeys: 5 }),
    fc.record(
      {
        jsonrpc: fc.constantFrom<unknown>('2.0', '2.0', '1.0', 2),
        id: fc.oneof(fc.integer(), fc.string(), tie('value')),
        method: fc.oneof(fc.constantFrom<unknown>(...words), tie('value')),
        params: tie('value'),
      },
      { requiredKeys: [] },
    ),
  ),
}));

/** Text with some characters put in, left out or doubled. */
const mutated = fc
  .tuple(json, fc.array(fc.tuple(fc.nat(), fc.constantFrom('', '{', '[', '"', '\\', ',', ':', ']', '1e9', '\u2028'))))
  .map(([value, edits]) => {
    let text = JSON.stringify(value);
    for (const [at, put] of edits) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + put + text.slice(place + (at % 2));
    }
    return text;
  });

const frame = fc.oneof(
  json.map((value) => JSON.stringify(value)),
  mutated,
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  mutated.map((text) => Buffer.from(text)),
);

function expectReply(reply: Message | Message[]): void {
  if (Array.isArray(reply)) {
    expect(reply.length).toBeGreaterThan(0);
    for (const member of reply) expectReply(member);
    return;
  }
  expect(reply.jsonrpc).toBe('2.0');
  expect(['string', 'number', 'object']).toContain(typeof reply.id);
  expect('result' in reply).toBe(!('error' in reply));
  if (!reply.error) return;
  expect(reply.error.code).toBeLessThan(0);
  // None of these may look like a fault of the server.
  expect(reply.error.code).not.toBe(-32603);
  expect(reply.error.data['reason']).toEqual(expect.any(String));
}

describe('any frame', () => {
  let server: Started;
  let client: Client;
  let probes = 0;

  beforeAll(async () => {
    server = await start({ providers: [EchoGateway] });
    client = await server.connect();
  });
  afterAll(stopAll);

  it('should be answered with JSON-RPC or not at all, and leave the server able to answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 5 }), async (frames) => {
        for (const sent of frames) client.send(sent);
        const id = `probe ${++probes} ${Math.random()}`;
        client.send({ jsonrpc: '2.0', id, method: 'ping' });
        for (;;) {
          const reply = await client.next<Message | Message[]>();
          expectReply(reply);
          if (!Array.isArray(reply) && reply.id === id) break;
        }
      }),
      { numRuns: 500 },
    );
    expect(({} as Record<string, unknown>)['name']).toBeUndefined();
  });

  it('should harm nobody but its sender when it breaks the WebSocket protocol itself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 2, maxLength: 60 }), async (bytes) => {
        const broken = await server.connect();
        // Below ws: raw bytes on the TCP connection.
        const { _socket: tcp } = broken.socket as unknown as { _socket: { end(bytes: Uint8Array): void } };
        tcp.end(bytes);
        await broken.closed;
        expect(await client.ask({ jsonrpc: '2.0', id: 'probe', method: 'ping' })).toMatchObject({ result: 'pong' });
      }),
      { numRuns: 50 },
    );
  });
});
