import { beforeAll, describe, expect, it } from 'vitest';

import { settled } from '../support/answers.js';
import { useBystander } from '../support/bystander.js';
import { eventually } from '../support/eventually.js';
import { docker } from '../support/leftovers.js';
import { RawWebSocket } from '../support/raw-websocket.js';
import type { RpcFailure } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;

const server = useServer();
useBystander(server);

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

  it.each(['text', '', 0, -1, 1.5, 2 ** 53 - 1, null, 'x'.repeat(1000), '🚀', '__proto__'])(
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
  it.each(Object.entries(CREATE))(
    'to create a session with a wrong %s is refused by that name',
    async (field, values) => {
      for (const value of values) {
        const params = { language: 'python', [field]: value };
        expect(await wrongField(server.client.refusal('session.create', params)), JSON.stringify(value)).toContain(
          field,
        );
      }
    },
  );

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

  it('to create a session with fields of null has their defaults', async () => {
    const fields = [
      'idleTimeoutMinutes',
      'maxLifetimeMinutes',
      'memoryLimitMB',
      'cpuLimit',
      'pidsLimit',
      'diskLimitMB',
    ];
    const others = ['network', 'cpuShares', 'dockerImage', 'env', 'labels', 'name'];
    const made = await server.session(Object.fromEntries([...fields, ...others].map((field) => [field, null])));
    const { HostConfig } = await docker().getContainer(made.containerId).inspect();
    expect(HostConfig).toMatchObject({ NetworkMode: 'none', NanoCpus: 1e9 });
    expect(HostConfig.Memory).toBeGreaterThanOrEqual(512 * MIB);
    expect(HostConfig.PidsLimit).toBeGreaterThanOrEqual(256);
    expect(made.created.config).toMatchObject({
      network: 'none',
      cpuLimit: 1,
      idleTimeoutMinutes: 30,
      maxLifetimeMinutes: 120,
      memoryLimitMB: 512,
      pidsLimit: 256,
      diskLimitMB: 1024,
    });
    expect(await made.sh('echo fine')).toBe('fine\n');
    await made.close();
  });

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

/** The fields that a refusal of params names. */
async function wrongField(refusal: Promise<RpcFailure>): Promise<string> {
  const { code, message, data } = await refusal;
  expect({ code, reason: data['reason'] }, message).toEqual({ code: -32602, reason: 'invalid_params' });
  const fields: string[] = data['violations'].map(({ field }: any) => field);
  expect(fields.length).toBeGreaterThan(0);
  expect(message).toContain(fields[0]!.split('.').at(-1));
  return fields.join(' ');
}
