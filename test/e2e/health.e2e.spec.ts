import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { IMAGE_TAG, imageOf } from '../support/images.js';
import { eventually } from '../support/eventually.js';
import { useServer } from '../support/server-under-test.js';
import { freePort, useServerProcess } from '../support/server-process.js';

const run = promisify(execFile);

const METHODS = [
  'initialize',
  'language.list',
  'session.create',
  'session.execute',
  'session.get',
  'session.list',
  'session.close',
  'session.extend',
  'session.subscribe',
  'session.unsubscribe',
  'execution.run',
  'execution.status',
];

const COMMANDS: Record<string, string[]> = {
  write_file: ['path', 'content', 'mode', 'encoding'],
  read_file: ['path', 'encoding', 'offset', 'length'],
  list_directory: ['path', 'recursive', 'pattern', 'includeHidden', 'maxDepth', 'limit', 'cursor'],
  create_directory: ['path', 'recursive'],
  copy_file: ['sourcePath', 'destinationPath', 'overwrite', 'recursive'],
  move_file: ['sourcePath', 'destinationPath', 'overwrite'],
  delete_file: ['path', 'recursive'],
  stat_file: ['path'],
  execute_shell: ['commandName', 'args', 'workingDirectory', 'env', 'stdin', 'timeoutMs'],
  execute_code: ['code', 'args', 'stdin', 'timeoutMs', 'language', 'contextId'],
  install_packages: ['packages', 'requirementsFile', 'timeoutMs'],
  diff: ['sourcePath', 'destinationPath', 'content', 'contextLines'],
  apply_patch: ['patch', 'workingDirectory', 'dryRun'],
};

const ALIASES = ['list_files', 'create_dir', 'shell', 'execute'];

const ERRORS = {
  parse_error: -32700,
  invalid_request: -32600,
  method_not_found: -32601,
  invalid_params: -32602,
  internal_error: -32603,
  request_cancelled: -32800,
  session_not_found: -32001,
  session_ended: -32002,
  unauthenticated: -32003,
  forbidden: -32004,
  rate_limited: -32005,
  quota_exceeded: -32006,
  unsupported_language: -32007,
  engine_unavailable: -32008,
  image_unavailable: -32009,
  process_not_found: -32010,
};

const IMAGES = ['agent', 'python', 'python-data', 'nodejs', 'golang', 'dotnet'];
const LANGUAGES = ['python', 'python-data', 'nodejs', 'go', 'dotnet'];

describe('a server whose engine has all it needs', () => {
  const server = useServer();

  it.each(['/health', '/health/ready'])('is well at %s, and says what it has looked at', async (path) => {
    const reply = await fetch(`${server.api.url}${path}`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/);
    const body: any = await reply.json();
    const up = { status: 'up' };
    const all = { engine: up, agent: up, python: up, nodejs: up, go: up, dotnet: up };
    expect(body).toMatchObject({ status: 'ok', info: all, error: {}, details: all });
    expect(body.details.engine).toMatchObject({ version: expect.stringMatching(/^\d+\./) });
    expect(body.details.python).toMatchObject({ image: imageOf('python') });
  });

  it('is alive without asking the engine', async () => {
    const reply = await fetch(`${server.api.url}/health/live`);
    expect(reply.status).toBe(200);
    expect(await reply.json()).toEqual({ status: 'ok', info: {}, error: {}, details: {} });
  });

  it('says nothing of what it is made of, and nothing at other paths', async () => {
    const reply = await fetch(`${server.api.url}/health`);
    expect(reply.headers.get('x-powered-by')).toBeNull();
    for (const path of ['/', '/ws/jsonrpc', '/health/nothing', '/../../etc/passwd', '/%2e%2e/package.json']) {
      const other = await fetch(`${server.api.url}${path}`);
      expect(other.status).toBeGreaterThanOrEqual(400);
      expect(other.status).toBeLessThan(500);
      const body = await other.text();
      expect(body).not.toMatch(/node_modules|\bat .*\.[jt]s/);
      expect(JSON.parse(body)).toEqual({
        error: { reason: 'not_found', message: 'There is nothing at this address.' },
      });
    }
    const undecodable = await fetch(`${server.api.url}/v1/sessions/%ff/files?path=a`);
    expect(undecodable.status).toBe(400);
    expect(await undecodable.json()).toMatchObject({
      error: { reason: 'invalid_params', violations: [{ field: 'url' }] },
    });
  });

  it('takes no WebSocket at another path', async () => {
    for (const path of ['/', '/ws', '/ws/jsonrpc/more']) {
      const socket = new WebSocket(`ws://127.0.0.1:${server.api.port}${path}`);
      const [, reply] = await once(socket, 'unexpected-response');
      let body = '';
      for await (const chunk of reply) body += String(chunk);
      expect({ path, status: reply.statusCode }).toEqual({ path, status: 404 });
      expect(body).toBe('There is no WebSocket at this address');
    }
    expect(await server.client.call('language.list')).toHaveProperty('languages');
  });

  it('tells at initialize who it is, what it offers and what its limits are', async () => {
    const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
    const result = await server.client.call('initialize', { clientInfo: { name: 'test' }, protocolVersion: '1.0' });
    expect(result).toMatchObject({
      protocolVersion: expect.stringMatching(/^\d+\.\d+$/),
      serverInfo: { name: 'codebeaker', version },
      capabilities: expect.any(Object),
      limits: { maxSessions: 100, maxMemoryMB: 4096, maxFrameBytes: 16 * 1_048_576 },
    });
    expect(result.languages).toEqual((await server.client.call('language.list')).languages);
    expect(await server.client.call('initialize')).toEqual(result);
  });

  it('lists its languages with all their names', async () => {
    const { languages } = await server.client.call('language.list');
    expect(languages.map(({ name }: any) => name)).toEqual(LANGUAGES);
    expect(Object.fromEntries(languages.map(({ name, aliases }: any) => [name, new Set(aliases)]))).toEqual({
      python: new Set(['py', 'python3']),
      'python-data': new Set([]),
      nodejs: new Set(['javascript', 'js', 'node', 'ts', 'typescript']),
      go: new Set(['golang']),
      dotnet: new Set(['c#', 'cs', 'csharp']),
    });
    for (const language of languages) {
      expect(language).toMatchObject({
        image: expect.stringMatching(new RegExp(`^codebeaker-[a-z-]+:${IMAGE_TAG}$`)),
        available: true,
        defaultFile: expect.stringMatching(/^\w+\.\w+$/),
        interpreter: expect.any(Boolean),
      });
      expect(language.version === null || typeof language.version === 'string').toBe(true);
    }
  });

  describe('describes itself', () => {
    let document: any;
    beforeAll(async () => {
      document = await server.client.call('rpc.discover');
    });

    it('as an OpenRPC document', () => {
      expect(document).toMatchObject({ openrpc: expect.stringMatching(/^1\./), info: { title: 'CodeBeaker' } });
    });

    it('with every method, each of which is there, and none that is not', async () => {
      const names: string[] = document.methods.map(({ name }: any) => name);
      expect(names).toEqual(expect.arrayContaining(METHODS));
      for (const name of names) {
        const answer = await server.client.call(name, { noSuchField: true }).then(
          () => ({ code: 0 }),
          (error) => error,
        );
        expect({ name, code: answer.code }).toEqual({ name, code: -32602 });
      }
    });

    it('with the fields of every method', () => {
      const fields = (name: string): string[] =>
        document.methods.find((method: any) => method.name === name).params.map((param: any) => param.name);
      expect(fields('session.create').sort()).toEqual([
        'cpuLimit',
        'cpuShares',
        'diskLimitMB',
        'dockerImage',
        'env',
        'idleTimeoutMinutes',
        'labels',
        'language',
        'maxLifetimeMinutes',
        'maxWaitMs',
        'memoryLimitMB',
        'name',
        'network',
        'openFilesLimit',
        'pidsLimit',
        'tmpLimitMB',
      ]);
      expect(fields('session.execute').sort()).toEqual(['command', 'detach', 'sessionId', 'stream', 'timeoutMs']);
      expect(fields('execution.run')).toEqual(
        expect.arrayContaining([
          'language',
          'code',
          'stdin',
          'args',
          'files',
          'timeout',
          'memoryLimit',
          'packages',
          'async',
        ]),
      );
    });

    it('with every type of command, its aliases and its fields', () => {
      const execute = document.methods.find(({ name }: any) => name === 'session.execute');
      const { schema } = execute.params.find(({ name }: any) => name === 'command');
      const variants = resolve(document, schema).oneOf.map((variant: any) => resolve(document, variant));
      const types = new Map<string, any>(variants.map((variant: any) => [variant.properties.type.enum[0], variant]));
      expect([...types.keys()].sort()).toEqual(Object.keys(COMMANDS).sort());
      expect(variants.flatMap((variant: any) => variant.properties.type.enum.slice(1)).sort()).toEqual(ALIASES.sort());
      for (const [type, fields] of Object.entries(COMMANDS)) {
        const described = JSON.stringify(resolve(document, types.get(type)['x-fields'] ?? types.get(type)));
        for (const field of fields) expect(described, type).toContain(`"${field}":`);
      }
    });

    it('with every reason of an error and its number', () => {
      const errors = document.components.errors;
      expect(Object.fromEntries(Object.keys(ERRORS).map((reason) => [reason, errors[reason]?.code]))).toEqual(ERRORS);
      for (const [reason, error] of Object.entries<any>(errors)) {
        expect(error).toMatchObject({ code: expect.any(Number), message: expect.any(String), data: { reason } });
      }
    });

    it('with references of which every one leads somewhere', () => {
      const references = [...JSON.stringify(document).matchAll(/"\$ref":"(#[^"]+)"/g)].map(([, path]) => path!);
      expect(references.length).toBeGreaterThan(0);
      for (const $ref of references) expect(resolve(document, { $ref }), $ref).toBeDefined();
    });
  });
});

describe('a server whose images are not there', () => {
  const server = useServer({ IMAGE_TAG: 'missing' });

  it.each(['/health', '/health/ready'])('is not well at %s, and names each image and how it is built', async (path) => {
    const reply = await fetch(`${server.api.url}${path}`);
    expect(reply.status).toBe(503);
    const body: any = await reply.json();
    expect(body).toMatchObject({ status: 'error', info: { engine: { status: 'up' } } });
    const down = Object.values<any>(body.error);
    expect(new Set(down.map(({ image }) => image))).toEqual(
      new Set(IMAGES.map((name) => `codebeaker-${name}:missing`)),
    );
    for (const image of down) {
      expect(image.status).toBe('down');
      expect(JSON.stringify(image)).toMatch(/npm run setup|scripts\/images\.sh/);
    }
  });

  it('is alive all the same', async () => {
    expect((await fetch(`${server.api.url}/health/live`)).status).toBe(200);
  });

  it('lists its languages as not available', async () => {
    const { languages } = await server.client.call('language.list');
    expect(languages.map(({ name, available, version }: any) => ({ name, available, version }))).toEqual(
      LANGUAGES.map((name) => ({ name, available: false, version: null })),
    );
  });

  it('refuses a session by the name of an image that is not there, and says how to build it', async () => {
    for (const [method, params] of [
      ['session.create', { language: 'python' }],
      ['execution.run', { language: 'python', code: '' }],
    ] as const) {
      const refusal = await server.client.refusal(method, params);
      expect(refusal).toMatchObject({
        code: -32009,
        data: { reason: 'image_unavailable', image: expect.stringMatching(/^codebeaker-(agent|python):missing$/) },
      });
      expect(refusal.message).toMatch(/npm run setup|scripts\/images\.sh/);
    }
  });
});

describe('a server with a certificate', () => {
  let directory: string;
  let ca: string;
  const env: Record<string, string> = {};
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-tls-'));
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '1',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ]);
    ca = await readFile(cert, 'utf8');
    Object.assign(env, { TLS_CERT_FILE: cert, TLS_KEY_FILE: key, TLS_PORT: String(await freePort()) });
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const server = useServerProcess(env);

  const secure = (path: string): Promise<number> =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port: env['TLS_PORT'], path, ca }, (reply) => {
        reply.resume();
        resolve(reply.statusCode ?? 0);
      }).on('error', reject);
    });

  const answers = (): Promise<unknown> =>
    eventually(
      () => secure('/health/live').catch(String),
      (status) => status === 200,
      'it answers over HTTPS',
    );

  it('speaks HTTPS and WSS there, and is the same server as without', async () => {
    await answers();
    const session = await server.session({ labels: { made: 'without' } });
    const socket = new WebSocket(`wss://127.0.0.1:${env['TLS_PORT']}/ws/jsonrpc`, { ca });
    await once(socket, 'open');
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'session.get', params: { sessionId: session.id } }));
    const [frame] = await once(socket, 'message');
    expect(JSON.parse(frame.toString())).toMatchObject({ id: 1, result: { sessionId: session.id } });

    // Stopping it ends the sockets of both ports in good order.
    const closed = once(socket, 'close');
    const exit = await server.stop('SIGTERM');
    expect((await closed)[0]).toBe(1001);
    expect(exit.code === 0 || exit.signal === 'SIGTERM' || exit.code === 143).toBe(true);
  });

  it('is not taken for another by a client that does not know the certificate', async () => {
    if (server.life.isOver) await server.start();
    await answers();
    const socket = new WebSocket(`wss://127.0.0.1:${env['TLS_PORT']}/ws/jsonrpc`);
    const [error] = await once(socket, 'error');
    expect(error).toMatchObject({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  });
});

/** What a schema refers to, or the schema itself. */
function resolve(document: any, schema: any): any {
  if (typeof schema?.$ref !== 'string') return schema;
  const parts: string[] = schema.$ref.replace('#/', '').split('/');
  return resolve(
    document,
    parts.reduce((value, part) => value?.[part], document),
  );
}
