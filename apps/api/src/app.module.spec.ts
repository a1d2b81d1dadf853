import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { Test } from '@nestjs/testing';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { CommandsService } from '#libs/commands';
import { JsonRpcWsAdapter, OpenRpcService } from '#libs/jsonrpc';
import { SandboxRuntime } from '#libs/runtime';

import { Client } from '../../../libs/jsonrpc/src/testing/support.js';
import { type FakeExchange, processEnd } from '../../../libs/runtime/src/testing/fake-agent.js';
import { FakeEngine, FakeRuntime } from '../../../libs/runtime/src/testing/fake-runtime.js';
import { AppModule } from './app.module.js';
import { Config } from './config/config.js';
import { describeError, ERRORS } from './gateway/errors.js';

Logger.overrideLogger(false);

describe('the whole server on a runtime in memory', () => {
  let app: NestExpressApplication;
  let engine: FakeEngine;
  let client: Client;
  let url: string;

  beforeEach(async () => {
    engine = new FakeEngine();
    const module = await Test.createTestingModule({
      imports: [AppModule.forRoot(Object.assign(new Config(), { poolSize: 0 }), '{}')],
    })
      .overrideProvider(SandboxRuntime)
      .useValue(new FakeRuntime(engine))
      .compile();
    app = module.createNestApplication<NestExpressApplication>({ logger: false });
    app.useWebSocketAdapter(new JsonRpcWsAdapter(app, { errorMapper: describeError }));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
    client = await Client.connect(`${url.replace('http', 'ws')}/ws/jsonrpc`);
  });

  afterEach(async () => {
    client.socket.terminate();
    await app.close();
  });

  const create = async (params: object = {}): Promise<Record<string, unknown>> => {
    const { result, error } = await client.call('session.create', { language: 'python', ...params });
    if (error) throw new Error(JSON.stringify(error));
    return result as Record<string, unknown>;
  };
  const onRun = (play: (exchange: FakeExchange) => void | Promise<void>): void => {
    for (const { agent } of engine.containers.values()) agent.on('run', play);
  };

  it('makes, shows, extends and closes a session', async () => {
    const { sessionId, containerId, config, language } = await create({ language: 'py', labels: { a: 'b' } });
    expect(language).toBe('py');
    expect([...engine.containers.keys()]).toEqual([containerId]);
    expect(config).toMatchObject({ idleTimeoutMinutes: 30, maxLifetimeMinutes: 120, network: 'none' });

    expect((await client.call('session.get', { sessionId })).result).toMatchObject({ sessionId, containerId });
    expect((await client.call('session.list', { labels: { a: 'b' } })).result).toMatchObject({
      count: 1,
      sessions: [{ sessionId }],
      nextCursor: null,
    });
    expect((await client.call('session.extend', { sessionId, idleTimeoutMinutes: 90 })).result).toMatchObject({
      config: { idleTimeoutMinutes: 90, maxLifetimeMinutes: 120 },
    });
    expect((await client.call('session.close', { sessionId })).result).toEqual({ sessionId, closed: true });
    expect(engine.containers.size).toBe(0);
    expect((await client.call('session.close', { sessionId })).error).toMatchObject({
      code: -32002,
      data: { reason: 'session_ended', endReason: 'closed' },
    });
  });

  it('answers with a session that is Active, as API.md has it', async () => {
    expect(await create()).toMatchObject({ state: 'Active' });
  });

  it('gives no wall away for a null', async () => {
    const nulls = {
      network: null,
      cpuLimit: null,
      memoryLimitMB: null,
      pidsLimit: null,
      diskLimitMB: null,
      idleTimeoutMinutes: null,
      maxLifetimeMinutes: null,
      dockerImage: null,
    };
    const { sessionId } = await create(nulls);
    await create();

    expect(engine.specs[0]).toEqual(engine.specs[1]);
    expect(engine.specs[0]?.limits).toMatchObject({ network: 'none', cpus: 1, diskBytes: 1_073_741_824 });
    const extended = await client.call('session.extend', {
      sessionId,
      idleTimeoutMinutes: null,
      maxLifetimeMinutes: null,
    });
    expect(extended.result).toMatchObject({ config: { idleTimeoutMinutes: 30, maxLifetimeMinutes: 120 } });
  });

  it('runs a command and streams what it writes before it answers', async () => {
    const { sessionId } = await create();
    onRun(async (exchange) => {
      await exchange.output('stdout', 'one');
      await exchange.output('stderr', 'two');
      exchange.respond(processEnd({ exitCode: 3, stdoutBytes: 3, stderrBytes: 3 }));
    });
    client.send({
      jsonrpc: '2.0',
      id: 'run',
      method: 'session.execute',
      params: { sessionId, command: { type: 'shell', command: 'prog', id: 9 }, stream: true },
    });

    const [one, two, reply] = [await client.next(), await client.next(), await client.next()];
    expect([one, two].map((message) => message.params)).toMatchObject([
      { sessionId, requestId: 'run', seq: 0, stream: 'stdout', data: 'one' },
      { sessionId, requestId: 'run', seq: 1, stream: 'stderr', data: 'two' },
    ]);
    expect(reply).toMatchObject({
      id: 'run',
      result: { success: true, error: null, id: 9, result: { exitCode: 3, stdout: 'one', stderr: 'two' } },
    });
  });

  it('kills what a request has started when it is cancelled', async () => {
    const { sessionId } = await create();
    const cancelled = new Promise<string>((resolve) => {
      onRun(async (exchange) => {
        client.send({ jsonrpc: '2.0', method: '$/cancelRequest', params: { id: 'run' } });
        resolve(await exchange.cancelled);
        exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
      });
    });
    const reply = await client.ask({
      jsonrpc: '2.0',
      id: 'run',
      method: 'session.execute',
      params: { sessionId, command: { type: 'shell', command: 'sleep' } },
    });

    expect(await cancelled).toBe('cancelled');
    expect(reply.error).toMatchObject({ code: -32800, data: { reason: 'request_cancelled' } });
  });

  it('kills what a client has started when that goes, and keeps its session', async () => {
    const { sessionId } = await create();
    const other = await Client.connect(`${url.replace('http', 'ws')}/ws/jsonrpc`);
    const cancelled = new Promise<string>((resolve) => {
      onRun(async (exchange) => {
        other.socket.terminate();
        resolve(await exchange.cancelled);
        exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
      });
    });
    other.send({
      jsonrpc: '2.0',
      id: 1,
      method: 'session.execute',
      params: { sessionId, command: { type: 'shell', command: 'sleep' } },
    });

    expect(await cancelled).toBe('disconnected');
    expect((await client.call('session.get', { sessionId })).result).toMatchObject({ sessionId });
  });

  it.each<[string, object, number, object]>([
    ['session.get', { sessionId: 's_none' }, -32001, { reason: 'session_not_found' }],
    ['session.create', { language: 'cobol' }, -32007, { reason: 'unsupported_language' }],
    ['session.create', { language: 'go', memoryLimitMB: 9999 }, -32006, { quota: 'memoryLimitMB', limit: 4096 }],
    ['session.create', { language: 'go', dockerImage: 'x' }, -32004, { reason: 'forbidden' }],
    ['session.create', { language: 'go', network: 'bridge' }, -32602, { violations: [{ field: 'network' }] }],
    ['session.create', { language: 'go', more: 1 }, -32602, { violations: [{ field: 'more' }] }],
    ['execution.status', { executionId: 'e_none' }, -32011, { reason: 'execution_not_found' }],
    ['session.nothing', {}, -32601, { reason: 'method_not_found' }],
  ])('refuses %s %j with %i', async (method, params, code, data) => {
    expect((await client.call(method, params)).error).toMatchObject({ code, data });
  });

  it('says that the engine is away, and how to build an image that is missing', async () => {
    engine.images.clear();
    expect((await client.call('session.create', { language: 'go' })).error).toMatchObject({
      code: -32009,
      data: { reason: 'image_unavailable', image: 'codebeaker-golang:latest' },
    });
    engine.isAway = true;
    expect((await client.call('session.create', { language: 'go' })).error).toMatchObject({ code: -32008 });
    expect((await client.call('language.list')).error).toMatchObject({ code: -32008 });
  });

  it('tells its languages with whether their images are there', async () => {
    engine.images.delete('codebeaker-dotnet:latest');
    const { languages } = (await client.call('language.list')).result as { languages: Record<string, unknown>[] };

    expect(languages.map(({ name, available, defaultFile }) => [name, available, defaultFile])).toEqual([
      ['python', true, 'main.py'],
      ['python-data', true, 'main.py'],
      ['nodejs', true, 'main.js'],
      ['go', true, 'main.go'],
      ['dotnet', false, 'Program.cs'],
    ]);
    expect((await client.call('initialize', {})).result).toMatchObject({
      serverInfo: { name: 'codebeaker' },
      limits: { maxSessions: 100, maxTimeoutMs: 3_600_000 },
      languages,
    });
  });

  it('runs code once, at once or later', async () => {
    engine.onAdd = ({ agent }) =>
      void agent
        .on('write_file', async (exchange) => exchange.respond({ path: '/x', bytes: (await exchange.allData).length }))
        .on('delete_file', (exchange) => exchange.respond({ path: '/x', deleted: true }))
        .on('run', async (exchange) => {
          await exchange.output('stdout', '42\n');
          exchange.respond(processEnd({ stdoutBytes: 3 }));
        });
    expect((await client.call('execution.run', { language: 'python', code: 'x' })).result).toMatchObject({
      status: 'completed',
      exitCode: 0,
      stdout: '42\n',
    });

    const queued = (await client.call('execution.run', { language: 'python', code: 'x', async: true })).result;
    const ended = await client.next();
    expect(queued).toMatchObject({ status: 'queued' });
    expect(ended).toMatchObject({ method: 'execution.completed', params: { status: 'completed', stdout: '42\n' } });
    const { executionId } = queued as { executionId: string };
    expect((await client.call('execution.status', { executionId })).result).toMatchObject({ executionId, exitCode: 0 });
    expect((await client.call('session.list', {})).result).toMatchObject({ count: 0 });
  });

  it('is live without its engine, and ready only with it and every image', async () => {
    const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
    engine.images.add('codebeaker-agent:latest');
    expect([await status('/health'), await status('/health/ready'), await status('/health/live')]).toEqual([
      200, 200, 200,
    ]);

    engine.images.delete('codebeaker-golang:latest');
    const missing = await fetch(`${url}/health/ready`);
    expect(missing.status).toBe(503);
    expect(await missing.json()).toMatchObject({ error: { go: { build: 'bash scripts/images.sh --only golang' } } });

    engine.isAway = true;
    expect([await status('/health/ready'), await status('/health/live')]).toEqual([503, 200]);
  });

  describe('its document', () => {
    it('has every method of API.md that there is by now', () => {
      const methods = app
        .get(OpenRpcService)
        .document()
        .methods.map(({ name }) => name);

      expect(methods).toEqual(
        expect.arrayContaining([
          'initialize',
          'language.list',
          'session.create',
          'session.execute',
          'session.get',
          'session.list',
          'session.extend',
          'session.close',
          'execution.run',
          'execution.status',
        ]),
      );
    });

    it('has every field of every method that takes any: no params class was dropped', () => {
      const fields = new Map(
        app
          .get(OpenRpcService)
          .document()
          .methods.map(({ name, params }) => [name, params.map((param) => param.name)]),
      );

      expect(fields.get('session.create')).toEqual(
        expect.arrayContaining(['language', 'memoryLimitMB', 'network', 'env']),
      );
      expect(fields.get('session.extend')).toEqual(
        expect.arrayContaining(['sessionId', 'idleTimeoutMinutes', 'maxLifetimeMinutes']),
      );
      expect(fields.get('execution.run')).toEqual(
        expect.arrayContaining(['language', 'code', 'files', 'timeout', 'async']),
      );
      for (const [method, params] of fields) {
        if (!['language.list', 'rpc.discover'].includes(method)) expect(params, method).not.toEqual([]);
      }
    });

    it('has every command type under each of its names, and every reason', () => {
      const text = JSON.stringify(app.get(OpenRpcService).document());

      for (const { type, aliases = [] } of app.get(CommandsService).types()) {
        for (const name of [type, ...aliases]) expect(text).toContain(`"${name}"`);
      }
      for (const [reason, { code }] of Object.entries(ERRORS)) {
        expect(text).toContain(`"${reason}"`);
        expect(text).toContain(String(code));
      }
    });
  });
});
