import { describe, expect, it } from 'vitest';

import { ContainerEvents } from '../support/container-events.js';
import { eventually } from '../support/eventually.js';
import { containersOf, docker } from '../support/leftovers.js';
import type { RpcClient } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import { timedOutHaving } from '../support/timed-out.js';

const go = (body: string, ...imports: string[]): string =>
  `package main\n\nimport (\n${imports.map((name) => `\t"${name}"\n`).join('')})\n\nfunc main() {\n${body}\n}\n`;
const cs = (body: string): string =>
  `using System;\n\nclass Program\n{\n    static int Main(string[] args)\n    {\n${body}\n    }\n}\n`;

/** Prints its arguments and its stdin. */
const LANGUAGES = [
  { language: 'python', code: "import sys\nprint('hello', *sys.argv[1:])\nsys.stdout.write(sys.stdin.read())" },
  {
    language: 'javascript',
    code: "console.log('hello', ...process.argv.slice(2));\nprocess.stdout.write(require('node:fs').readFileSync(0));",
  },
  {
    language: 'typescript',
    code: "import { readFileSync } from 'node:fs';\nconst words: string[] = process.argv.slice(2);\nconsole.log('hello', ...words);\nprocess.stdout.write(readFileSync(0));",
  },
  {
    language: 'go',
    code: go(
      '\tfmt.Println("hello", strings.Join(os.Args[1:], " "))\n\tio.Copy(os.Stdout, os.Stdin)',
      'fmt',
      'io',
      'os',
      'strings',
    ),
  },
  {
    language: 'csharp',
    code: cs(
      '        Console.WriteLine("hello " + string.Join(" ", args));\n        Console.Write(Console.In.ReadToEnd());\n        return 0;',
    ),
  },
];

const RUNNING = 2;
const QUEUED = 3;

describe('execution.run', () => {
  const server = useServer({ MAX_MEMORY_MB: '1024' });
  const run = (params: object, client: RpcClient = server.client): Promise<any> =>
    client.call('execution.run', { language: 'python', ...params });
  const none = (): Promise<unknown> =>
    eventually(
      () => containersOf(server.api.serverId),
      (containers) => containers.length === 0,
      'the containers of the runs are gone',
    );

  it.each(LANGUAGES)('runs $language with its arguments and its stdin', async ({ language, code }) => {
    const result = await run({
      language,
      code,
      args: ['two words', 'ünicode'],
      stdin: 'line 1\nline 2\n',
      timeout: 110,
    });
    expect(result).toMatchObject({
      executionId: expect.stringMatching(/^\S{8,}$/),
      status: 'completed',
      exitCode: 0,
      stdout: 'hello two words ünicode\nline 1\nline 2\n',
      stderr: '',
      endReason: 'exited',
      durationMs: expect.any(Number),
    });
    expect(result.durationMs).toBeGreaterThan(0);
    await none();
  });

  it('lets a program that is given nothing to read see the end at once', async () => {
    expect(await run({ code: 'import sys; print(repr(sys.stdin.read()))' })).toMatchObject({ stdout: "''\n" });
  });

  it('gives the program its files, as text and as bytes, in directories too', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const files = [
      { path: 'data.txt', content: 'text: ✓' },
      { path: 'deep/er/data.bin', content: bytes.toString('base64'), encoding: 'base64' },
      { path: '/workspace/helper.py', content: "def greet(): return 'from a module'" },
    ];
    const code = [
      'import helper, os',
      "print(open('data.txt').read(), list(open('deep/er/data.bin', 'rb').read()) == list(range(256)), helper.greet())",
      'print(os.getcwd())',
    ].join('\n');
    expect(await run({ code, files })).toMatchObject({
      status: 'completed',
      stdout: 'text: ✓ True from a module\n/workspace\n',
      stderr: '',
    });
  });

  it('does not run the code where a file of it cannot be written', async () => {
    const code = "print('ran')";
    const outside = await run({ code, files: [{ path: '../../etc/passwd', content: 'x' }] });
    const never = { status: 'failed', endReason: 'spawn_failed', exitCode: null, signal: null, stdout: '', stderr: '' };
    expect(outside).toMatchObject({ ...never, errorCode: 'invalid_path' });
    expect(outside.error).toMatch(/^The file "\.\.\/\.\.\/etc\/passwd" could not be written, so nothing was run: /);
    const wrong = await run({ code, files: [{ path: 'a', content: '*', encoding: 'base64' }] });
    expect(wrong).toMatchObject({ ...never, errorCode: 'invalid_base64' });
    await none();
  });

  it.each([0, 1, 3, 255])('is completed by a program that exits with %i', async (exitCode) => {
    expect(
      await run({ code: `import sys; print('out'); print('err', file=sys.stderr); sys.exit(${exitCode})` }),
    ).toMatchObject({
      status: 'completed',
      exitCode,
      stdout: 'out\n',
      stderr: 'err\n',
      endReason: 'exited',
    });
  });

  it('shows what a compiler has to say, with an exit code that is not 0', async () => {
    const result = await run({ language: 'go', code: 'package main\n\nfunc main() {\n\tx := 1\n}\n', timeout: 110 });
    expect(result.exitCode).toBeGreaterThan(0);
    expect(result.stderr).toMatch(/declared and not used/);
    expect(result.stdout).toBe('');
  });

  it('ends a program that has used up its CPU time', async () => {
    const result = await run({ code: "print('so far', flush=True)\nwhile True: pass", timeout: 60, cpuTimeMs: 300 });
    expect(result).toMatchObject({
      status: 'failed',
      endReason: 'cpu_exceeded',
      errorCode: 'cpu_exceeded',
      error: 'The program used up the 300 ms of CPU time that it had and was killed.',
      stdout: 'so far\n',
      limitsHit: ['cpu_time'],
    });
  });

  it('ends a program at its timeout, counted in seconds, and shows what it had printed', async () => {
    const code = "import time\nprint('so far', flush=True)\ntime.sleep(3600)";
    const result = await timedOutHaving('so far', 1_000, (ms) => run({ code, timeout: ms / 1_000 }));
    expect(result).toMatchObject({
      status: 'failed',
      endReason: 'timed_out',
      errorCode: 'timed_out',
      stdout: 'so far\n',
    });
    expect(result.exitCode).toBeNull();
    expect(result.durationMs).toBeGreaterThanOrEqual(900);
    await none();
  });

  it('takes a timeout of a part of a second', async () => {
    expect(await run({ code: 'import time; time.sleep(3600)', timeout: 0.2 })).toMatchObject({
      status: 'failed',
      endReason: 'timed_out',
    });
  });

  it('ends a program for its memory, by that name', async () => {
    const code = 'b = bytearray()\nwhile True: b += b"x" * 1_000_000';
    expect(await run({ code, memoryLimit: 64, timeout: 110 })).toMatchObject({
      status: 'failed',
      endReason: 'out_of_memory',
      errorCode: 'out_of_memory',
    });
    expect(await run({ code: 'b = bytearray(80_000_000); print(len(b))', memoryLimit: 256 })).toMatchObject({
      status: 'completed',
      stdout: '80000000\n',
    });
  });

  it('gives its container the limits that were asked for', async () => {
    const events = await ContainerEvents.follow(server.api.serverId);
    const running = server.client.send('execution.run', {
      language: 'python',
      code: 'import time; time.sleep(3600)',
      memoryLimit: 100,
      cpuLimit: 0.5,
    });
    const id = await events.happened('start');
    const { HostConfig } = await docker().getContainer(id).inspect();
    expect(HostConfig.Memory).toBeGreaterThanOrEqual(100 * 1_048_576);
    expect(HostConfig).toMatchObject({ NanoCpus: 0.5e9, NetworkMode: 'none', ReadonlyRootfs: true });
    server.client.notify('$/cancelRequest', { id: running.id });
    await expect(running.result).rejects.toMatchObject({ code: -32800 });
    await events.happened('destroy', id);
    events.close();
  });

  it('ends with the connection of whoever asked', async () => {
    const client = await server.api.connect();
    const events = await ContainerEvents.follow(server.api.serverId);
    const outcome = run({ code: 'import time; time.sleep(3600)' }, client).catch((error: Error) => error.message);
    const id = await events.happened('start');
    client.socket.terminate();
    expect(await outcome).toBe('the socket closed');
    await events.happened('destroy', id);
    events.close();
  });

  it('is refused where it cannot be, and says why', async () => {
    const { client } = server;
    expect(await client.refusal('execution.run', { language: 'cobol', code: '' })).toMatchObject({
      code: -32007,
      data: { reason: 'unsupported_language', supported: ['python', 'python-data', 'nodejs', 'go', 'dotnet'] },
    });
    const packages = await client.refusal('execution.run', { language: 'python', code: '', packages: ['numpy'] });
    expect(packages).toMatchObject({
      code: -32602,
      data: { reason: 'invalid_params', violations: [{ field: 'packages' }] },
    });
    expect(packages.message).toMatch(/network/);
    expect(await client.refusal('execution.run', { language: 'python', code: '', memoryLimit: 2000 })).toMatchObject({
      code: -32006,
      data: { reason: 'quota_exceeded', limit: 1024 },
    });
    expect(await run({ code: 'print(1)', packages: [] })).toMatchObject({ status: 'completed', stdout: '1\n' });
  });

  const WRONG: [string, object][] = [
    ['language', { language: 5 }],
    ['code', { code: undefined }],
    ['code', { code: ['x'] }],
    ['stdin', { stdin: 5 }],
    ['args', { args: 'x' }],
    ['args', { args: [5] }],
    ['args', { args: ['a\0b'] }],
    ['files', { files: {} }],
    ['path', { files: [{ content: '' }] }],
    ['content', { files: [{ path: 'a' }] }],
    ['path', { files: [{ path: '', content: '' }] }],
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: -1 }],
    ['timeout', { timeout: '30' }],
    ['memoryLimit', { memoryLimit: 0 }],
    ['memoryLimit', { memoryLimit: '64' }],
    ['cpuLimit', { cpuLimit: 0 }],
    ['async', { async: 'yes' }],
    ['packages', { packages: 'numpy' }],
  ];
  it.each(WRONG)('with a wrong %s is refused by that name: %j', async (field, params) => {
    const refusal = await server.client.refusal('execution.run', { language: 'python', code: '', ...params });
    expect(refusal).toMatchObject({ code: -32602, data: { reason: 'invalid_params' } });
    expect(refusal.data['violations'].map((violation: any) => violation.field).join(' ')).toContain(field);
  });

  it('shows nothing of one run to another, nor to any client as a session', async () => {
    const mark =
      'import os\nfor d in ("/workspace", "/tmp", "/dev/shm"): open(d + "/mark", "w").write("mine")\nprint("done")';
    expect(await run({ code: mark })).toMatchObject({ stdout: 'done\n' });
    const look = 'import os\nprint([d for d in ("/workspace", "/tmp", "/dev/shm") if os.path.exists(d + "/mark")])';
    expect(await run({ code: look })).toMatchObject({ stdout: '[]\n' });
    const events = await ContainerEvents.follow(server.api.serverId);
    const running = server.client.send('execution.run', { language: 'python', code: 'import time; time.sleep(3600)' });
    const id = await events.happened('start');
    expect(await server.client.call('session.list', {})).toMatchObject({ count: 0, sessions: [] });
    server.client.notify('$/cancelRequest', { id: running.id });
    await expect(running.result).rejects.toMatchObject({ code: -32800 });
    await events.happened('destroy', id);
    events.close();
  });
});

describe('executions that are not waited for', () => {
  const server = useServer({
    MAX_RUNNING_EXECUTIONS: String(RUNNING),
    MAX_QUEUED_EXECUTIONS: String(QUEUED),
  });
  const start = (code: string, params: object = {}, client: RpcClient = server.client): Promise<any> =>
    client.call('execution.run', { language: 'python', code, async: true, ...params });
  const status = (executionId: string): Promise<any> => server.client.call('execution.status', { executionId });
  const ended = (executionId: string): Promise<any> =>
    eventually(
      () => status(executionId),
      (view) => view.status === 'completed' || view.status === 'failed',
      'the execution has ended',
      90_000,
    );
  const told = async (executionId: string, client: RpcClient = server.client): Promise<any> => {
    const find = (): any =>
      client.notifications.find(
        ({ method, params }) => method === 'execution.completed' && params['executionId'] === executionId,
      );
    await client.until(() => find() !== undefined, 90_000);
    return find().params;
  };

  it('answer at once, and tell their end by a notification and to whoever asks', async () => {
    const queued = await start("print('later')");
    expect(queued).toEqual({ executionId: expect.any(String), status: 'queued' });
    const end = await told(queued.executionId);
    expect(end).toMatchObject({ executionId: queued.executionId, status: 'completed', exitCode: 0, stdout: 'later\n' });
    expect(await status(queued.executionId)).toEqual(end);
    const other = await server.api.connect();
    expect(await other.call('execution.status', { executionId: queued.executionId })).toEqual(end);
  });

  it('tell a failure as well, with its reason', async () => {
    const code = "import time\nprint('so far', flush=True)\ntime.sleep(3600)";
    const late = await timedOutHaving('so far', 1_000, async (ms) =>
      told((await start(code, { timeout: ms / 1_000 })).executionId),
    );
    expect(late).toMatchObject({
      status: 'failed',
      endReason: 'timed_out',
      stdout: 'so far\n',
    });
    const file = await start('', { files: [{ path: '..', content: '' }] });
    expect(await told(file.executionId)).toMatchObject({
      status: 'failed',
      errorCode: 'invalid_path',
      endReason: 'spawn_failed',
      exitCode: null,
    });
  });

  it('are refused at once where they can never be, or fail with the same reason', async () => {
    const outcome = await start('', { language: 'cobol' }).then(
      ({ executionId }) => ended(executionId),
      (error) => error,
    );
    if (outcome.code === undefined)
      expect(outcome).toMatchObject({ status: 'failed', errorCode: 'unsupported_language' });
    else expect(outcome).toMatchObject({ code: -32007 });
  });

  it('go on when the client that asked has gone', async () => {
    const client = await server.api.connect();
    const { executionId } = await start("import time; time.sleep(1); print('still here')", {}, client);
    client.socket.terminate();
    expect(await ended(executionId)).toMatchObject({ status: 'completed', stdout: 'still here\n' });
  });

  it('wait for their turn beyond the number that may run, and all come to their end', async () => {
    const executions = await Promise.all(
      Array.from({ length: RUNNING + QUEUED }, (_, n) => start(`import time; time.sleep(0.5); print(${n})`)),
    );
    const refused = await server.client.refusal('execution.run', { language: 'python', code: '', async: true });
    expect(refused).toMatchObject({ code: -32006, data: { reason: 'quota_exceeded', limit: QUEUED } });
    const seen = new Set<string>();
    await eventually(
      async () => {
        // Asked for first: whatever is done by then is done below as well, though its container may still be there.
        const containers = (await containersOf(server.api.serverId)).filter(({ State }) => State === 'running');
        const views = await Promise.all(executions.map(({ executionId }) => status(executionId)));
        for (const view of views) seen.add(view.status);
        expect(views.filter((view) => view.status === 'running').length).toBeLessThanOrEqual(RUNNING);
        const done = views.filter((view) => view.status === 'completed').length;
        expect(containers.length).toBeLessThanOrEqual(RUNNING + done);
        return views;
      },
      (views) => views.every((view) => view.status === 'completed'),
      'all executions are completed',
      100_000,
    );
    expect(seen).toContain('queued');
    expect(seen).toContain('running');
    for (const [n, { executionId }] of executions.entries()) {
      expect(await status(executionId)).toMatchObject({ exitCode: 0, stdout: `${n}\n` });
    }
    expect(await server.client.call('session.list', {})).toMatchObject({ count: 0 });
    await eventually(
      () => containersOf(server.api.serverId),
      (containers) => containers.length === 0,
      'the containers of the runs are gone',
    );
  });

  it('take their turn with those that are waited for', async () => {
    const results = await Promise.all(
      Array.from({ length: RUNNING + QUEUED }, (_, n) =>
        n % 2 === 0
          ? start(`print(${n})`).then(({ executionId }) => ended(executionId))
          : server.client.call('execution.run', { language: 'python', code: `print(${n})` }),
      ),
    );
    for (const [n, result] of results.entries())
      expect(result).toMatchObject({ status: 'completed', stdout: `${n}\n` });
  });

  it('leave their places in the queue when nobody wants them any more', async () => {
    const sleep = { language: 'python', code: 'import time; time.sleep(3600)' };
    const send = (): { id: number; result: Promise<any> } => {
      const sent = server.client.send('execution.run', sleep);
      sent.result.catch(() => undefined);
      return sent;
    };
    const cancel = async (calls: { id: number; result: Promise<any> }[]): Promise<void> => {
      for (const { id } of calls) server.client.notify('$/cancelRequest', { id });
      for (const { result } of calls) await expect(result).rejects.toMatchObject({ code: -32800 });
    };
    const running = Array.from({ length: RUNNING }, send);
    await eventually(
      () => containersOf(server.api.serverId),
      (containers) => containers.filter(({ State }) => State === 'running').length === RUNNING,
      'as many run as may',
    );
    try {
      const queued = Array.from({ length: QUEUED }, send);
      expect(await server.client.refusal('execution.run', sleep)).toMatchObject({ code: -32006 });
      await cancel(queued);
      const others = Array.from({ length: QUEUED }, send);
      expect(await server.client.refusal('execution.run', sleep)).toMatchObject({ code: -32006 });
      await cancel(others);
    } finally {
      await cancel(running);
    }
    expect(await server.client.call('execution.run', { language: 'python', code: 'print(1)' })).toMatchObject({
      stdout: '1\n',
    });
  });

  it('that never were are told apart from those that are', async () => {
    for (const executionId of ['e_AAAAAAAAAAAAAAAA', 'x', '__proto__']) {
      const refusal = await server.client.refusal('execution.status', { executionId });
      expect(refusal.code).toBeLessThan(0);
      expect(refusal.data['reason']).toMatch(/not_found$/);
    }
  });
});
