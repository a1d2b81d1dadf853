import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { docker } from '../support/leftovers.js';
import { BINARY, RawWebSocket } from '../support/raw-websocket.js';
import type { RpcFailure } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import { bytesOf, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const CONTINUATION = 0x0;

const server = useServer({ OUTPUT_LIMIT_BYTES: String(64 * MIB) });

/** Somebody else's session: whatever happens elsewhere, its program goes on and its commands are answered. */
let bystander: TestSession;
let ticking: { id: number; result: Promise<any> };
let tickingEnded: unknown;

beforeAll(async () => {
  bystander = await server.session({ language: 'python' });
  ticking = bystander.stream('execute_shell', {
    commandName: 'python3',
    args: ['-c', "import time\nn = 0\nwhile True:\n    print('tick', n, flush=True)\n    n += 1\n    time.sleep(0.05)"],
    timeoutMs: 3_600_000,
  });
  const ended = (how: unknown): unknown => (tickingEnded = how);
  void ticking.result.then(ended, ended);
});

afterEach(async () => {
  expect(tickingEnded).toBeUndefined();
  expect(await bystander.python('print(6 * 7)')).toBe('42\n');
  const ticks = chunksOf(server.client, ticking.id).length;
  await server.client.until(() => chunksOf(server.client, ticking.id).length > ticks, 60_000);
  const probe = await RawWebSocket.open(server.api.port);
  probe.request('probe', 'language.list');
  expect(await probe.answer('probe')).toHaveProperty('result.languages');
  probe.close();
});

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

describe('a request', () => {
  let session: TestSession;
  beforeAll(async () => {
    session = await server.session();
  });

  it.each([
    '',
    'nope',
    'session',
    'session.',
    'session.create ',
    'Session.Create',
    '__proto__',
    'constructor',
    'toString',
  ])('for the method %j is told that there is none', async (method) => {
    expect(await server.client.refusal(method)).toMatchObject({
      code: -32601,
      data: { reason: 'method_not_found' },
    });
  });

  it('with params in an array is refused, for they are by name', async () => {
    expect(await server.client.refusal('session.create', ['python'])).toMatchObject({
      code: -32602,
      data: { reason: 'invalid_params' },
    });
  });

  it('under the id of one that runs is refused, and the running one is not disturbed', async () => {
    const socket = await RawWebSocket.open(server.api.port);
    const execute = (script: string): object => ({
      sessionId: session.id,
      command: { type: 'execute_shell', commandName: 'sh', args: ['-c', script] },
    });
    socket.request('twice', 'session.execute', execute('rm -f twice; mkfifo twice; cat twice'));
    socket.request('twice', 'session.execute', execute('echo second'));
    await socket.until(() => socket.messages.length === 1, 'the second is refused');
    expect(socket.messages[0]).toMatchObject({ id: 'twice', error: { code: -32600 } });
    await eventually(
      () => session.run('test', ['-p', 'twice']),
      ({ result }) => result.exitCode === 0,
      'the first runs',
    );
    await session.sh('echo first > twice');
    await socket.until(() => socket.messages.length === 2, 'the first is answered');
    expect(socket.messages[1]).toMatchObject({
      id: 'twice',
      result: { success: true, result: { stdout: 'first\n' } },
    });
    // And now the id is free again.
    socket.request('twice', 'session.execute', execute('echo third'));
    await socket.until(() => socket.messages.length === 3, 'the third is answered');
    expect(socket.messages[2]).toMatchObject({ id: 'twice', result: { result: { stdout: 'third\n' } } });
    socket.close();
  });

  it.each(['text', '', 0, -1, 1.5, 1e300, null, 'x'.repeat(1000), '🚀', '__proto__'])(
    'is answered under its id %j',
    async (id) => {
      const socket = await RawWebSocket.open(server.api.port);
      socket.request(id, 'language.list');
      await socket.until(() => socket.messages.length === 1, 'there is an answer');
      expect(socket.messages[0]).toMatchObject({ jsonrpc: '2.0', id, result: expect.anything() });
      socket.close();
    },
  );

  it.each<[string, object, string]>([
    ['session.create', { language: 'python', colour: 'red' }, 'colour'],
    ['session.create', { language: 'python', memoryLimit: 64 }, 'memoryLimit'],
    ['session.get', { sessionId: 'x', more: 1 }, 'more'],
    ['session.list', { offset: 1 }, 'offset'],
    ['session.close', { sessionId: 'x', force: true }, 'force'],
    ['session.extend', { sessionId: 'x', memoryLimitMB: 1 }, 'memoryLimitMB'],
    ['session.execute', { sessionId: 'x', command: {}, wait: true }, 'wait'],
    ['execution.run', { language: 'python', code: '', files: [{ path: 'a', content: '', mode: 'x' }] }, 'mode'],
    ['execution.run', { language: 'python', code: '', timeoutMs: 5 }, 'timeoutMs'],
    ['execution.status', { executionId: 'x', wait: true }, 'wait'],
    ['language.list', { filter: 'x' }, 'filter'],
    ['rpc.discover', { filter: 'x' }, 'filter'],
  ])('of %s with %j is refused by the name of the unknown field', async (method, params, field) => {
    expect(await wrongField(server.client.refusal(method, params))).toContain(field);
  });

  const CREATE: Record<string, unknown[]> = {
    language: [undefined, null, 5, true, '', [], {}, ['python'], 'x'.repeat(1000)],
    idleTimeoutMinutes: ['5', -1, 0, [], {}, true, 0.001],
    maxLifetimeMinutes: ['5', -1, 0, [], {}, true],
    memoryLimitMB: ['64', -1, 0, 1, 64.5, [], {}, true],
    cpuLimit: ['1', -1, 0, 0.001, [], {}, true],
    cpuShares: ['1', -1, 0, 1, 2.5, 300_000, [], {}],
    pidsLimit: ['1', -1, 0, 2.5, [], {}],
    diskLimitMB: ['1', -1, 0, 2.5, [], {}],
    network: ['host', 'bridge', '', 5, [], {}, ['none']],
    dockerImage: ['', 5, [], {}, 'x'.repeat(1000)],
    env: [
      'A=1',
      5,
      [],
      ['A=1'],
      { A: 1 },
      { A: null },
      { A: ['x'] },
      { '': 'x' },
      { 'A=B': 'x' },
      { A: 'x\0y' },
      { 'A\0B': 'x' },
    ],
    labels: [
      'a',
      5,
      [],
      ['a'],
      { a: 1 },
      { a: null },
      { '': 'x' },
      { a: 'x'.repeat(2000) },
      { ['x'.repeat(200)]: 'x' },
    ],
    name: [5, [], {}, true, 'x'.repeat(1000)],
  };
  const creates = Object.entries(CREATE).flatMap(([field, values]) => values.map((value) => ({ field, value })));

  it.each(creates)('to create a session with a $field of $value is refused by that name', async ({ field, value }) => {
    const params = { language: 'python', [field]: value };
    expect(await wrongField(server.client.refusal('session.create', params))).toContain(field);
  });

  const run = { type: 'execute_shell', commandName: 'true' };
  const EXECUTE: { field: string; values: unknown[]; params: (value: unknown) => object }[] = [
    {
      field: 'sessionId',
      values: [undefined, null, 5, '', [], {}],
      params: (value) => ({ sessionId: value, command: run }),
    },
    {
      field: 'command',
      values: [undefined, null, 5, 'true', [], [run], true],
      params: (value) => ({ command: value }),
    },
    { field: 'stream', values: ['true', 1, [], {}], params: (value) => ({ command: run, stream: value }) },
    {
      field: 'timeoutMs',
      values: ['5', 0, -1, 1.5, [], {}, true],
      params: (value) => ({ command: run, timeoutMs: value }),
    },
    {
      field: 'command.type',
      values: [undefined, null, 5, '', 'nope', [], {}, '__proto__', 'toString'],
      params: of({}, 'type'),
    },
    { field: 'command.id', values: [true, [], {}], params: of(run, 'id') },
    { field: 'command.colour', values: [1], params: of(run, 'colour') },
    {
      field: 'command.commandName',
      values: [undefined, null, 5, '', [], {}, 'a\0b', 'x'.repeat(5000)],
      params: of(run, 'commandName'),
    },
    {
      field: 'command.args',
      values: ['x', 5, {}, [5], [null], [['x']], ['a\0b'], Array(10_001).fill('x')],
      params: of(run, 'args'),
    },
    {
      field: 'command.workingDirectory',
      values: ['', 5, [], {}, 'a\0b', 'x'.repeat(5000)],
      params: of(run, 'workingDirectory'),
    },
    {
      field: 'command.env',
      values: ['A=1', 5, [], { A: 1 }, { '': 'x' }, { 'A=B': 'x' }, { A: 'x\0y' }, { 'A\0B': 'x' }],
      params: of(run, 'env'),
    },
    { field: 'command.stdin', values: [5, [], {}], params: of(run, 'stdin') },
    { field: 'command.timeoutMs', values: ['5', 0, -1, 1.5, [], {}], params: of(run, 'timeoutMs') },
    { field: 'command.code', values: [undefined, null, 5, [], {}], params: of({ type: 'execute_code' }, 'code') },
    { field: 'command.language', values: [5, [], {}], params: of({ type: 'execute_code', code: '' }, 'language') },
    ...['write_file', 'read_file', 'list_directory', 'create_directory', 'delete_file', 'stat_file'].map((type) => ({
      field: 'command.path',
      values: [5, [], {}, '', 'a\0b', 'x'.repeat(5000), 'é'.repeat(2500)],
      params: of({ type, ...(type === 'write_file' ? { content: '' } : {}) }, 'path'),
    })),
    {
      field: 'command.content',
      values: [undefined, null, 5, [], {}],
      params: of({ type: 'write_file', path: 'a' }, 'content'),
    },
    {
      field: 'command.mode',
      values: ['create', 'x', 5, []],
      params: of({ type: 'write_file', path: 'a', content: '' }, 'mode'),
    },
    { field: 'command.encoding', values: ['hex', 5, []], params: of({ type: 'read_file', path: 'a' }, 'encoding') },
    { field: 'command.offset', values: ['1', -1, 1.5, []], params: of({ type: 'read_file', path: 'a' }, 'offset') },
    { field: 'command.length', values: ['1', -1, 1.5, []], params: of({ type: 'read_file', path: 'a' }, 'length') },
    { field: 'command.limit', values: ['1', 0, -1, 1.5, 10_001], params: of({ type: 'list_directory' }, 'limit') },
    { field: 'command.maxDepth', values: ['1', 0, -1, 1.5], params: of({ type: 'list_directory' }, 'maxDepth') },
    { field: 'command.recursive', values: ['true', 1, []], params: of({ type: 'list_directory' }, 'recursive') },
    { field: 'command.pattern', values: [5, [], 'x'.repeat(5000)], params: of({ type: 'list_directory' }, 'pattern') },
    {
      field: 'command.sourcePath',
      values: [undefined, null, 5, ''],
      params: of({ type: 'copy_file', destinationPath: 'a' }, 'sourcePath'),
    },
    {
      field: 'command.destinationPath',
      values: [undefined, null, 5, ''],
      params: of({ type: 'move_file', sourcePath: 'a' }, 'destinationPath'),
    },
    {
      field: 'command.overwrite',
      values: ['true', 1],
      params: of({ type: 'copy_file', sourcePath: 'a', destinationPath: 'b' }, 'overwrite'),
    },
  ];

  it.each(EXECUTE)('to execute with a wrong $field is refused by that name', async ({ field, values, params }) => {
    for (const value of values) {
      const refusal = server.client.refusal('session.execute', { sessionId: session.id, ...params(value) });
      expect(await wrongField(refusal), JSON.stringify(value)).toContain(field);
    }
  });

  const OPTIONAL = [
    'idleTimeoutMinutes',
    'maxLifetimeMinutes',
    'memoryLimitMB',
    'cpuLimit',
    'pidsLimit',
    'diskLimitMB',
  ];
  const OPTIONAL_TOO = ['network', 'cpuShares', 'dockerImage', 'env', 'labels', 'name'];
  it.each([...OPTIONAL, ...OPTIONAL_TOO])(
    'to create a session with a %s of null is refused, or has the default',
    async (field) => {
      const outcome = await settled(server.session({ [field]: null }));
      if (outcome.code !== undefined) {
        expect(outcome).toMatchObject({ code: -32602, data: { reason: 'invalid_params' } });
        return;
      }
      const made = outcome as TestSession;
      const { HostConfig } = await docker().getContainer(made.containerId).inspect();
      expect(HostConfig).toMatchObject({ NetworkMode: 'none', NanoCpus: 1e9 });
      expect(HostConfig.Memory).toBeGreaterThanOrEqual(512 * MIB);
      expect(HostConfig.PidsLimit).toBeGreaterThanOrEqual(256);
      expect(made.created.config).toMatchObject({
        network: 'none',
        cpuLimit: 1,
        idleTimeoutMinutes: 30,
        maxLifetimeMinutes: 120,
      });
      expect(await made.sh('echo fine')).toBe('fine\n');
      await made.close();
    },
  );

  it.each([
    { ...run, args: null },
    { ...run, env: null },
    { ...run, stdin: null },
    { ...run, timeoutMs: null },
    { ...run, workingDirectory: null },
    { type: 'execute_code', code: '', args: null },
    { type: 'execute_code', code: '', stdin: null },
    { type: 'execute_code', code: '', language: null },
    { type: 'write_file', path: 'null', content: '', mode: null },
    { type: 'write_file', path: 'null', content: '', encoding: null },
    { type: 'read_file', path: 'null', encoding: null },
    { type: 'read_file', path: 'null', offset: null, length: null },
    { type: 'list_directory', path: null },
    { type: 'list_directory', limit: null, maxDepth: null, pattern: null, cursor: null, recursive: null },
    { type: 'create_directory', path: 'nulls', recursive: null },
    { type: 'copy_file', sourcePath: 'null', destinationPath: 'copy', overwrite: null, recursive: null },
  ])(
    'to execute $type with a field of null is refused, or does what it does without the field: %j',
    async (command) => {
      await session.ok('write_file', { path: 'null', content: '' });
      const outcome = await settled(server.client.execute(session.id, command));
      if (outcome.code === undefined) expect(outcome).toMatchObject({ success: true, error: null });
      else expect(outcome).toMatchObject({ code: -32602, data: { reason: 'invalid_params' } });
    },
  );

  it('for an unknown type of command is told which there are', async () => {
    const refusal = await server.client.refusal('session.execute', { sessionId: session.id, command: { type: 'fly' } });
    for (const type of ['write_file', 'read_file', 'list_directory', 'execute_shell', 'execute_code']) {
      expect(refusal.message).toContain(type);
    }
  });

  it('with a field under two names at once is refused', async () => {
    const command = { ...run, command: 'false' };
    const refusal = server.client.refusal('session.execute', { sessionId: session.id, command });
    expect(await wrongField(refusal)).toMatch(/command\.command(Name)?/);
  });

  it.each([
    ['session.create', '{"language":"python","__proto__":{"polluted":true}}'],
    ['session.create', '{"language":"python","constructor":{"prototype":{"polluted":true}}}'],
    ['session.create', '{"language":"python","labels":{"__proto__":"x"}}'],
    ['session.create', '{"language":"python","labels":{"__proto__":{"polluted":true}}}'],
    ['session.create', '{"language":"python","env":{"__proto__":"x"}}'],
    ['session.create', '{"__proto__":{"language":"python"}}'],
    ['session.execute', '{"sessionId":"ID","command":{"type":"stat_file","path":".","__proto__":{"polluted":true}}}'],
    ['session.execute', '{"sessionId":"ID","command":{"__proto__":{"type":"stat_file","path":"."}}}'],
    ['session.execute', '{"sessionId":"ID","command":{"type":"constructor","prototype":{"polluted":true}}}'],
    ['execution.run', '{"language":"python","code":"","files":[{"__proto__":{"polluted":true}}]}'],
    ['session.list', '{"labels":{"constructor":{"prototype":{"polluted":true}}}}'],
    ['$/cancelRequest', '{"id":1,"__proto__":{"polluted":true}}'],
  ])('of %s with the keys of a prototype pollutes nothing: %s', async (method, params) => {
    const text = `{"jsonrpc":"2.0","id":"pollute","method":"${method}","params":${params.replace('ID', session.id)}}`;
    const answer = await server.client.raw(text);
    if (answer.error) expect(answer.error.code).toBe(-32602);
    else if (answer.result?.sessionId)
      await server.client.call('session.close', { sessionId: answer.result.sessionId });
    expect(({} as any).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('with more than a claim can hold is refused clearly or works, and leaves nothing', async () => {
    for (const size of [60_000, 200_000, 2_000_000]) {
      const creating = server.client.call('session.create', { language: 'python', env: { BIG: 'x'.repeat(size) } });
      const outcome = await settled(creating);
      if (outcome.sessionId === undefined) expect([-32602, -32006]).toContain(outcome.code);
      else await server.client.call('session.close', { sessionId: outcome.sessionId });
    }
  });

  function of(command: object, field: string): (value: unknown) => object {
    return (value) => ({ command: { ...command, [field]: value } });
  }
});

describe('a path', () => {
  let session: TestSession;
  beforeAll(async () => {
    session = await server.session();
  });

  const ESCAPES = ['../../etc/passwd', '/workspace/../etc/passwd', '..', 'a/../../etc/passwd', '/workspace/..'];
  it.each(ESCAPES)('that climbs out of the workspace is refused by every command: %s', async (path) => {
    const commands = [
      { type: 'read_file', path },
      { type: 'write_file', path, content: 'x' },
      { type: 'write_file', path, content: 'x', mode: 'Append' },
      { type: 'stat_file', path },
      { type: 'list_directory', path },
      { type: 'create_directory', path },
      { type: 'delete_file', path, recursive: true },
      { type: 'copy_file', sourcePath: path, destinationPath: 'stolen' },
      { type: 'copy_file', sourcePath: '.', destinationPath: path, recursive: true },
      { type: 'move_file', sourcePath: path, destinationPath: 'stolen' },
    ];
    for (const command of commands) {
      expect(await server.client.execute(session.id, command), JSON.stringify(command)).toMatchObject({
        success: false,
        error: expect.any(String),
        errorCode: 'invalid_path',
      });
    }
    expect(await session.sh('ls -A')).toBe('');
  });

  it('that dots around within the workspace is a path like any other', async () => {
    await session.ok('write_file', { path: './a/./b/../c', content: 'x' });
    expect(await session.ok('read_file', { path: '/workspace//a/c' })).toMatchObject({ content: 'x' });
    await session.ok('delete_file', { path: 'a', recursive: true });
  });

  it.each([
    '//',
    '/',
    '/./',
    '/../',
    '/tmp/../',
    '/proc/self/root',
    '/proc/self/cwd/../..',
    '/dev/fd/0',
    '/proc/1/mem',
  ])('such as %s gets a clear answer from every command and harms nothing', async (path) => {
    for (const command of [
      { type: 'read_file', path },
      { type: 'write_file', path, content: 'x' },
      { type: 'stat_file', path },
      { type: 'list_directory', path, limit: 10 },
      { type: 'create_directory', path },
      { type: 'delete_file', path, recursive: true },
    ]) {
      const reply = await server.client.execute(session.id, command);
      if (reply.success) expect(['stat_file', 'list_directory', 'create_directory']).toContain(command.type);
      else
        expect(reply).toMatchObject({
          error: expect.stringMatching(/\w+/),
          errorCode: expect.stringMatching(/^[a-z0-9_]+$/),
        });
    }
    expect(await session.sh('echo fine')).toBe('fine\n');
  });

  const NAMES = [
    'x'.repeat(255),
    'é'.repeat(127),
    'two\nlines',
    '-rf',
    '--help',
    '*',
    '$(touch hacked)',
    ';reboot',
    ' ',
    '\\',
    '"\'`',
    '\t\u001b[31m\u0007',
    '…',
    '\u202egnp.exe',
    '...',
    '~',
    '%2e%2e',
    '.hidden',
  ];
  it.each(NAMES)('whose name is %j is a path like any other', async (name) => {
    expect(await session.ok('write_file', { path: name, content: 'content' })).toMatchObject({
      path: `/workspace/${name}`,
    });
    const { entries } = await session.ok('list_directory', { includeHidden: true });
    expect(entries).toMatchObject([{ name, path: `/workspace/${name}`, type: 'file', size: 7 }]);
    expect(await session.ok('read_file', { path: entries[0].path })).toMatchObject({ content: 'content' });
    expect(await session.ok('stat_file', { path: name })).toMatchObject({ name });
    await session.ok('copy_file', { sourcePath: name, destinationPath: 'copy' });
    await session.ok('delete_file', { path: name });
    await session.ok('move_file', { sourcePath: 'copy', destinationPath: name });
    expect(await session.ok('read_file', { path: name })).toMatchObject({ content: 'content' });
    await session.ok('delete_file', { path: name });
    expect(await session.sh('ls -A')).toBe('');
  });

  it.each(['x'.repeat(256), `${'é'.repeat(127)}xx`])(
    'with a name of 256 bytes is refused as too long',
    async (name) => {
      for (const command of [
        { type: 'write_file', path: name, content: 'x' },
        { type: 'read_file', path: name },
        { type: 'stat_file', path: name },
        { type: 'create_directory', path: name },
        { type: 'delete_file', path: name },
      ]) {
        expect(await server.client.execute(session.id, command)).toMatchObject({
          success: false,
          errorCode: 'name_too_long',
        });
      }
    },
  );

  it('whose name a program made of bytes that are not UTF-8 is listed with its bytes, and can be removed', async () => {
    const names = [Buffer.from([0xff, 0xfe, 0x2e, 0x78]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0x61, 0xc3])];
    const hex = names.map((name) => name.toString('hex'));
    const make =
      "import os, sys\nos.mkdir('odd')\nfor name in sys.argv[1:]: open(b'odd/' + bytes.fromhex(name), 'w').write('x')";
    await session.python(make, ...hex);
    const { entries } = await session.ok('list_directory', { path: 'odd' });
    expect(entries.map(({ nameBase64 }: any) => Buffer.from(nameBase64, 'base64').toString('hex')).sort()).toEqual(
      hex.sort(),
    );
    for (const { name, size, type } of entries) {
      expect(name).toContain('\u{fffd}');
      expect({ size, type }).toEqual({ size: 1, type: 'file' });
      // The shown name is not the file's: that it is not there is the answer, and no other file is taken for it.
      expect(await session.do('read_file', { path: `odd/${name}` })).toMatchObject({ errorCode: 'not_found' });
    }
    await session.ok('delete_file', { path: 'odd', recursive: true });
    expect(await session.sh('ls -A')).toBe('');
  });

  it('with half of a character in it is refused, or kept under the name that the answer gives', async () => {
    const answer = await server.client.raw(
      `{"jsonrpc":"2.0","id":"half","method":"session.execute","params":{"sessionId":"${session.id}","command":{"type":"write_file","path":"a\\ud800b","content":"x"}}}`,
    );
    if (answer.error) expect(answer.error.code).toBe(-32602);
    else if (answer.result.success) {
      const { path } = answer.result.result;
      expect(await session.ok('read_file', { path })).toMatchObject({ content: 'x' });
      await session.ok('delete_file', { path });
    }
    expect(await session.sh('ls -A')).toBe('');
  });
});

describe('a program', () => {
  let session: TestSession;
  beforeAll(async () => {
    session = await server.session();
  });

  it('that is given 10,000 arguments gets them all', async () => {
    const args = Array.from({ length: 9_999 }, (_, n) => String(n));
    expect(
      await session.ok('execute_shell', { commandName: 'sh', args: ['-c', 'echo $#', ...args.slice(1)] }),
    ).toMatchObject({
      exitCode: 0,
      stdout: '9997\n',
    });
  });

  it.each([
    { what: 'one argument of 200 KB', args: ['x'.repeat(200_000)] },
    { what: 'one argument of 4 MB', args: ['x'.repeat(4_000_000)] },
    { what: 'many arguments of 4 MB together', args: Array.from({ length: 100 }, () => 'x'.repeat(40_000)) },
  ])('that is given $what is told that it is too much', async ({ args }) => {
    const outcome = await settled(session.run('true', args));
    if (outcome.code !== undefined) expect([-32602, -32006]).toContain(outcome.code);
    else {
      expect(outcome).toMatchObject({ success: false, error: expect.stringMatching(/argument|long|large|limit/i) });
      expect(outcome.errorCode).toMatch(/^(spawn_failed|args_too_long|too_large)$/);
    }
  });

  it('that is given an environment of 4 MB is told that it is too much', async () => {
    const outcome = await settled(session.run('true', [], { env: { BIG: 'x'.repeat(4_000_000) } }));
    if (outcome.code !== undefined) expect([-32602, -32006]).toContain(outcome.code);
    else
      expect(outcome).toMatchObject({
        success: false,
        errorCode: expect.stringMatching(/^(spawn_failed|args_too_long|too_large)$/),
      });
  });

  it('that is given megabytes to read reads them', async () => {
    const stdin = 'x'.repeat(12 * MIB);
    expect(await session.ok('execute_shell', { commandName: 'wc', args: ['-c'], stdin })).toMatchObject({
      stdout: `${stdin.length}\n`,
    });
    expect(await session.ok('execute_shell', { commandName: 'true', stdin })).toMatchObject({ exitCode: 0 });
  });
});

describe('a hostile program', () => {
  /** In a session of its own, where afterwards a command must work as before. */
  async function attack(command: object, limits: object = {}): Promise<any> {
    const session = await server.session({ memoryLimitMB: 128, pidsLimit: 64, ...limits });
    const during = session.do('execute_shell', { timeoutMs: 5_000, ...command });
    expect(await bystander.python('print(1 + 1)')).toBe('2\n');
    const reply = await during;
    expect(await session.python('print(6 * 7)')).toBe('42\n');
    expect(await session.programs()).toEqual([]);
    await session.close();
    return reply;
  }

  it('that forks without end is held by its limit and ended with all its kind', async () => {
    const code = `
import os
print('up', flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
`;
    const reply = await attack({ commandName: 'python3', args: ['-c', code] });
    expect(reply).toMatchObject({
      success: false,
      errorCode: 'timed_out',
      result: { stdout: expect.stringContaining('up') },
    });
  });

  it('that forks without end in a shell is held and ended as well', async () => {
    const reply = await attack({ commandName: 'sh', args: ['-c', 'f() { f | f & }; f; sleep 3600'] });
    expect(reply.result.endReason).not.toBe('spawn_failed');
    if (reply.success) expect(reply.result.endReason).toBe('exited');
  });

  it('that makes threads without end is held by the same limit', async () => {
    const code = `
import threading, time
n = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        n += 1
except RuntimeError:
    print('held', n < 128, flush=True)
    import os
    os._exit(0)
`;
    expect(await attack({ commandName: 'python3', args: ['-c', code], timeoutMs: 60_000 })).toMatchObject({
      success: true,
      result: { stdout: 'held True\n' },
    });
  });

  it('that kills everything it may ends itself and neither the agent nor anybody else', async () => {
    const session = await server.session();
    const other = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] });
    await written(server.client, other.id, 'up');
    const reply = await session.run('sh', ['-c', 'kill -9 -1; echo survived']);
    expect(['exited', 'signaled']).toContain(reply.result.endReason);
    // The other was the same user's.
    expect(await other.result).toMatchObject({
      success: false,
      errorCode: 'signaled',
      result: { signal: 'SIGKILL', stdout: 'up\n' },
    });
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });

  it('can neither signal nor trace nor read nor change the agent', async () => {
    const code = `
import ctypes, os, signal
def tried(name, attempt):
    try:
        attempt()
        print('DONE', name)
    except (PermissionError, FileNotFoundError, ProcessLookupError, OSError) as error:
        print('refused', name, error.errno)
libc = ctypes.CDLL(None, use_errno=True)
def trace():
    if libc.ptrace(16, 1, None, None) != 0:
        raise OSError(ctypes.get_errno(), 'ptrace')
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT):
    tried(f'signal {number}', lambda: os.kill(1, number))
tried('ptrace', trace)
for name in ('mem', 'environ', 'maps', 'auxv', 'stack', 'syscall', 'pagemap'):
    tried(f'read {name}', lambda: open(f'/proc/1/{name}', 'rb').read(16))
for name in ('fd', 'task/1/fd', 'map_files'):
    tried(f'list {name}', lambda: os.listdir(f'/proc/1/{name}'))
for name in ('mem', 'fd/0', 'fd/1', 'fd/2', 'oom_score_adj', 'coredump_filter', 'clear_refs', 'comm'):
    tried(f'write {name}', lambda: open(f'/proc/1/{name}', 'wb').write(b'0'))
tried('root', lambda: os.listdir('/proc/1/root'))
tried('cwd', lambda: os.chdir('/proc/1/cwd'))
tried('agent', lambda: open('/codebeaker/agent', 'r+b'))
tried('unlink agent', lambda: os.unlink('/codebeaker/agent'))
tried('setuid', lambda: os.setuid(0))
tried('setgroups', lambda: os.setgroups([]))
tried('priority', lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
`;
    const reply = await attack({ commandName: 'python3', args: ['-c', code] });
    expect(reply.success).toBe(true);
    const lines: string[] = reply.result.stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThan(25);
    expect(lines.filter((line) => !line.startsWith('refused'))).toEqual([]);
  });

  it('that prints frames of the agent’s protocol has printed bytes, and that is all', async () => {
    const code = `
import json, struct, sys
def frame(id, type, head, payload=b'', flags=1):
    head = json.dumps(head).encode()
    body = struct.pack('<IIBBH', id, len(head), type, flags, 0) + head + payload + b'CB.\\n'
    return struct.pack('<I', len(body)) + body
end = {'endReason': 'exited', 'exitCode': 0, 'signal': None, 'stdoutBytes': 5, 'stderrBytes': 0, 'truncated': False}
forged = b'\\0CODEBEAKER-AGT\\n' + b'0' * 32 + frame(0, 1, {'protocol': 1, 'agent': 'forged'})
forged += b'\\0' * 262144
for id in range(64):
    forged += frame(id, 3, end) + frame(id, 4, {}, b'fake', 1) + frame(id, 5, {}, struct.pack('<I', 0))
forged += b'\\xff\\xff\\xff\\x7f'
for stream in (sys.stdout.buffer, sys.stderr.buffer):
    stream.write(forged)
    stream.flush()
sys.exit(9)
`;
    const session = await server.session();
    const streamed = session.stream('execute_shell', { commandName: 'python3', args: ['-c', code] });
    const { result, success } = await streamed.result;
    expect(success).toBe(true);
    expect(result).toMatchObject({ exitCode: 9, endReason: 'exited', truncated: false });
    expect(result.stdoutBytes).toBe(result.stderrBytes);
    expect(result.stdoutBytes).toBeGreaterThan(262_144);
    const chunks = chunksOf(server.client, streamed.id);
    for (const stream of ['stdout', 'stderr'] as const) {
      const bytes = bytesOf(chunks, stream);
      expect(bytes.length).toBe(result.stdoutBytes);
      expect(bytes.subarray(1, 15).toString()).toBe('CODEBEAKER-AGT');
    }
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });

  it('that writes without end is ended at the limit of output', async () => {
    const reply = await attack({ commandName: 'cat', args: ['/dev/zero'], timeoutMs: 60_000 });
    expect(reply).toMatchObject({
      success: false,
      errorCode: 'output_limit',
      result: { endReason: 'output_limit', truncated: true },
    });
    expect(reply.result.stdout.length).toBeLessThanOrEqual(MIB);
  });

  it('that writes without end to a client that does not read costs nobody else anything', async () => {
    const session = await server.session();
    const client = await server.api.connect();
    const flood = client.send('session.execute', {
      sessionId: session.id,
      command: { type: 'execute_shell', commandName: 'cat', args: ['/dev/zero'], timeoutMs: 600_000 },
      stream: true,
    });
    const outcome = settled(flood.result);
    await client.until(() => chunksOf(client, flood.id).length > 0);
    client.socket.pause();
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 50; n++) expect(await bystander.python('print(1 + 1)')).toBe('2\n');
    expect(await session.state()).toBe('Active');
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB);
    client.socket.terminate();
    expect((await outcome).message).toBe('the socket closed');
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'the flood has ended',
    );
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle',
    );
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });

  it('that takes all memory is ended for it, by that name', async () => {
    const reply = await attack({
      commandName: 'python3',
      args: ['-c', 'b = bytearray()\nwhile True: b += b"x" * 1_000_000'],
      timeoutMs: 60_000,
    });
    expect(reply).toMatchObject({ success: false, errorCode: 'out_of_memory' });
  });

  it('that leaves children which hold its output and refuse to die is ended with them', async () => {
    const code = `
import os, signal, sys, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
            while True: time.sleep(1)
        os._exit(0)
print('gone', flush=True)
`;
    const reply = await attack({ commandName: 'python3', args: ['-c', code], timeoutMs: 60_000 });
    expect(reply).toMatchObject({ success: true, result: { exitCode: 0, stdout: 'gone\n' } });
  });
});

/** The fields that a refusal of params names. */
async function wrongField(refusal: Promise<RpcFailure>): Promise<string> {
  const { code, message, data } = await refusal;
  expect({ code, reason: data['reason'] }, message).toEqual({ code: -32602, reason: 'invalid_params' });
  const fields: string[] = data['violations'].map(({ field }: any) => field);
  expect(fields.length).toBeGreaterThan(0);
  expect(message).toContain(fields[0]!.split('.').at(-1));
  return fields.join(' ');
}

/** The result, or what it was refused with. */
async function settled(promise: Promise<any>): Promise<any> {
  return promise.then(
    (result) => result,
    (error: unknown) => error,
  );
}
