import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { useBystander } from '../support/bystander.js';
import { BINARY, RawWebSocket } from '../support/raw-websocket.js';
import { useServer } from '../support/server-under-test.js';

const MIB = 1_048_576;
const CONTINUATION = 0x0;

const server = useServer();
useBystander(server);

describe('a frame', () => {
  const parseError = { jsonrpc: '2.0', id: null, error: { code: -32700, data: { reason: 'parse_error' } } };
  const invalid = { jsonrpc: '2.0', id: null, error: { code: -32600, data: { reason: 'invalid_request' } } };

  async function answerTo(...frames: (string | Buffer)[]): Promise<any> {
    const socket = await RawWebSocket.open(server.api.port);
    for (const frame of frames) socket.send(frame, typeof frame === 'string' ? {} : { opcode: BINARY });
    await socket.until(() => socket.messages.length > 0, 'there is an answer');
    // Behind it, so that a second answer would be seen.
    socket.request('behind', 'language.list');
    await socket.answer('behind');
    socket.close();
    expect(socket.messages).toHaveLength(2);
    return socket.messages[0];
  }

  it.each([
    '{"jsonrpc":"2.0","id":1,"method":',
    '',
    ' ',
    'null null',
    "{'jsonrpc':'2.0'}",
    '{"jsonrpc":"2.0","id":1,"method":"language.list",}',
    '[{"jsonrpc":"2.0","id":1,"method":"language.list"},',
    'undefined',
    'NaN',
    '\u0000',
  ])('that is not JSON is answered so: %j', async (text) => {
    expect(await answerTo(text)).toMatchObject(parseError);
  });

  it('of random bytes is answered as one that is not JSON', async () => {
    for (const size of [1, 100, 100_000]) {
      const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), randomBytes(size)]);
      expect(await answerTo(bytes)).toMatchObject(parseError);
    }
  });

  it.each([
    'null',
    '1',
    '"text"',
    'true',
    '{}',
    '[]',
    '{"jsonrpc":"2.0","id":1}',
    '{"id":{},"jsonrpc":"2.0","method":"x"}',
  ])('that is JSON but no request is answered so: %s', async (text) => {
    expect(await answerTo(text)).toMatchObject(invalid);
  });

  it.each([
    { what: 'no version', request: { method: 'language.list' } },
    { what: 'another version', request: { jsonrpc: '1.0', method: 'language.list' } },
    { what: 'a method that is no text', request: { jsonrpc: '2.0', method: 5 } },
    { what: 'params that are a text', request: { jsonrpc: '2.0', method: 'language.list', params: 'x' } },
    { what: 'params that are null', request: { jsonrpc: '2.0', method: 'language.list', params: null } },
  ])('with $what is no request', async ({ request }) => {
    expect(await answerTo(JSON.stringify({ ...request, id: 7 }))).toMatchObject({ error: invalid.error });
  });

  it('of 100,000 nested arrays is refused, bare and inside a request', async () => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(await answerTo(deep)).toMatchObject(invalid);
    const labels = `{"jsonrpc":"2.0","id":1,"method":"session.list","params":{"labels":${deep}}}`;
    expect(await answerTo(labels)).toMatchObject(invalid);
    const objects = '{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000);
    expect(await answerTo(objects)).toMatchObject(invalid);
    expect(await answerTo('['.repeat(100_000))).toMatchObject({ id: null, error: { code: expect.any(Number) } });
  });

  it('of a million tiny values is refused', async () => {
    const many = `{"jsonrpc":"2.0","id":1,"method":"session.list","params":{"labels":[${'1,'.repeat(1_000_000)}1]}}`;
    expect(await answerTo(many)).toMatchObject(invalid);
  });

  it('over the limit ends its own connection with the reason and no other', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    socket.send(Buffer.alloc(16 * MIB + 1, ' '));
    await socket.until(() => socket.isOver, 'the connection ends');
    if (socket.messages.length > 0) expect(socket.messages[0]).toMatchObject(invalid);
  });

  it('that only says that it will be 1 GB is refused before it comes', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    socket.send('{"jsonrpc":', { announcedBytes: 1024 * MIB });
    await socket.until(() => socket.closeCode !== undefined, 'the server closes');
    expect(socket.closeCode).toBe(1009);
    expect(socket.messages).toMatchObject([invalid]);
    expect(socket.messages[0].error.message).toContain(String(16 * MIB));
    socket.close();
  });

  it('that comes in parts without an end is refused at the limit', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    const part = ' '.repeat(MIB);
    socket.send(part, { fin: false });
    for (let n = 0; n < 20 && !socket.isOver && socket.closeCode === undefined; n++) {
      socket.send(part, { opcode: CONTINUATION, fin: false });
    }
    await socket.until(() => socket.isOver || socket.closeCode !== undefined, 'the server closes');
    socket.close();
  });

  it.each([
    { what: 'that is not masked', send: (socket: RawWebSocket) => socket.send('{}', { masked: false }), code: 1002 },
    { what: 'of an unknown kind', send: (socket: RawWebSocket) => socket.send('{}', { opcode: 0x5 }), code: 1002 },
    {
      what: 'of text that is not UTF-8',
      send: (socket: RawWebSocket) => socket.send(Buffer.from([0xc3, 0x28])),
      code: 1007,
    },
    {
      what: 'that goes on with nothing',
      send: (socket: RawWebSocket) => socket.send('{}', { opcode: CONTINUATION }),
      code: 1002,
    },
  ])('$what ends its own connection and no other', async ({ send, code }) => {
    const socket = await RawWebSocket.open(server.api.port);
    send(socket);
    await socket.until(() => socket.closeCode !== undefined || socket.isOver, 'the server closes');
    if (socket.closeCode !== undefined) expect(socket.closeCode).toBe(code);
    socket.close();
  });

  it('that stops in the middle does no harm when its client goes', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    socket.send('{"jsonrpc":"2.0"', { announcedBytes: 10_000 });
    socket.close();
    await socket.until(() => socket.isOver, 'the connection ends');
  });
});

describe('a batch', () => {
  const list = (id?: unknown): object => ({
    jsonrpc: '2.0',
    ...(id === undefined ? {} : { id }),
    method: 'language.list',
  });

  it('that is empty gets one error', async () => {
    expect(await server.client.raw('[]')).toMatchObject({ id: null, error: { code: -32600 } });
  });

  it('of more than 100 is refused as a whole', async () => {
    const batch = Array.from({ length: 101 }, (_, n) => list(`b${n}`));
    expect(await server.client.raw(JSON.stringify(batch))).toMatchObject({ id: null, error: { code: -32600 } });
    const answers = await server.client.raw(JSON.stringify(batch.slice(1)));
    expect(answers).toHaveLength(100);
  });

  it('of everything at once gets one answer for each request in it', async () => {
    const session = await server.session();
    const execute = (id: string, command: object): object => ({
      jsonrpc: '2.0',
      id,
      method: 'session.execute',
      params: { sessionId: session.id, command },
    });
    const batch = [
      execute('runs', { type: 'execute_shell', commandName: 'echo', args: ['in a batch'] }),
      list(),
      { jsonrpc: '2.0', method: 'no.such.method' },
      { jsonrpc: '2.0', method: 'session.get', params: { sessionId: 'nobody' } },
      list(null),
      5,
      [],
      { jsonrpc: '2.0', id: 'unknown', method: 'no.such.method' },
      { jsonrpc: '2.0', id: 'wrong', method: 'session.get', params: { sessionId: 5 } },
      execute('fails', { type: 'read_file', path: 'no-such-file' }),
    ];
    const answers: any[] = await server.client.raw(JSON.stringify(batch));
    const of = (id: unknown): any[] => answers.filter((answer) => answer.id === id);
    expect(answers).toHaveLength(7);
    expect(of('runs')).toMatchObject([{ result: { success: true, result: { stdout: 'in a batch\n' } } }]);
    expect(of('unknown')).toMatchObject([{ error: { code: -32601 } }]);
    expect(of('wrong')).toMatchObject([{ error: { code: -32602 } }]);
    expect(of('fails')).toMatchObject([{ result: { success: false, errorCode: 'not_found' } }]);
    expect(of(null).filter(({ error }) => error?.code === -32600)).toHaveLength(2);
    expect(of(null).filter(({ result }) => result?.languages)).toHaveLength(1);
    await session.close();
  });

  it('of notifications alone gets no answer, and neither does any wrong notification', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    const silent = [
      { jsonrpc: '2.0', method: 'no.such.method' },
      { jsonrpc: '2.0', method: 'session.get', params: { sessionId: 'nobody' } },
      { jsonrpc: '2.0', method: 'session.get', params: { wrong: true } },
      { jsonrpc: '2.0', method: 'language.list', params: [1] },
      { jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 'nothing' } },
      { jsonrpc: '2.0', method: '$/cancelRequest', params: {} },
    ];
    socket.send(JSON.stringify(silent));
    for (const notification of silent) socket.send(JSON.stringify(notification));
    socket.request('behind', 'session.list');
    await socket.answer('behind');
    socket.request('far behind', 'language.list');
    await socket.answer('far behind');
    expect(socket.messages.map(({ id }) => id)).toEqual(['behind', 'far behind']);
    socket.close();
  });
});
