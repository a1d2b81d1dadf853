import { describe, expect, it } from 'vitest';

import { ContextsService } from '#libs/contexts';
import { findLanguage, type Language } from '#libs/runtime';
import { Session, SESSION_DEFAULTS, type SessionsService } from '#libs/sessions';

import { arrived, type FakeExchange, processEnd } from '../../../runtime/src/testing/fake-agent.js';
import { FAKE_IMAGE, FakeRuntime } from '../../../runtime/src/testing/fake-runtime.js';
import { type CommandContext, CommandFailure } from '../command-handler.js';
import type { CommandsOptions } from '../options.js';
import type { RunResult } from '../run-program.js';
import { CopyFileCommand } from './copy-file.command.js';
import { ExecuteCodeCommand, ExecuteCodeParams } from './execute-code.command.js';
import { ExecuteShellCommand, ExecuteShellParams } from './execute-shell.command.js';
import { MoveFileCommand } from './move-file.command.js';
import { ReadFileCommand, ReadFileParams } from './read-file.command.js';
import { WriteFileCommand, WriteFileParams } from './write-file.command.js';

const OPTIONS: CommandsOptions = {
  maxTimeoutMs: 60_000,
  keptOutputBytes: 1_000,
  outputLimitBytes: 10_000,
  maxReadBytes: 10,
};

const noContexts = (): ContextsService =>
  new ContextsService(
    { onAdoption: () => undefined, accompanyPool: () => undefined } as unknown as SessionsService,
    {} as never,
  );

async function sandboxed(requestedLanguage = 'python') {
  const runtime = new FakeRuntime();
  const sandbox = await runtime.create({ image: FAKE_IMAGE, limits: {} as never, labels: {} });
  const session = new Session(
    {
      id: 's_1',
      language: findLanguage(requestedLanguage) as Language,
      requestedLanguage,
      env: {},
      labels: {},
      createdAt: new Date(),
      hidden: false,
    },
    sandbox,
    SESSION_DEFAULTS,
    () => undefined,
  );
  const context: CommandContext = { session, signal: session.ended, timeoutMs: 5_000 };
  return { agent: sandbox.container.agent, session, sandbox, context };
}

const params = <P extends object>(type: new () => P, fields: Partial<P>): P => Object.assign(new type(), fields);

async function failureOf(work: Promise<unknown>): Promise<CommandFailure> {
  const thrown = await work.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof CommandFailure)) throw thrown;
  return thrown;
}

/** A file of `content` as the agent reads it. */
function fileOf(content: Buffer | string) {
  const bytes = Buffer.from(content as string);
  return (exchange: FakeExchange): void => {
    const { offset = 0, length } = exchange.head as { offset?: number; length: number };
    const part = bytes.subarray(offset, offset + length);
    exchange.respond({ path: '/workspace/a', bytes: part.length, size: bytes.length }, part);
  };
}

describe('write_file', () => {
  it.each([
    ['Create', 'create', true],
    ['CreateNew', 'create_new', true],
    ['Append', 'append', true],
    ['Overwrite', 'overwrite', false],
  ] as const)(
    'tells the agent the mode %s, and to make parents unless the file must exist',
    async (mode, told, parents) => {
      const { agent, context } = await sandboxed();
      agent.on('write_file', async (exchange) => {
        exchange.respond({ path: '/workspace/a', bytes: (await exchange.allData).length });
      });

      const fields = params(WriteFileParams, { path: 'a', content: 'größe', mode });
      expect(await new WriteFileCommand().execute(fields, context)).toEqual({ path: '/workspace/a', bytes: 7 });
      expect(agent.requests('write_file')[0]?.head).toMatchObject({ path: 'a', mode: told, parents });
    },
  );

  it('writes the bytes of base64', async () => {
    const { agent, context } = await sandboxed();
    agent.on('write_file', async (exchange) => exchange.respond({ path: '/workspace/a', bytes: 0 }));
    const content = Buffer.from([0, 255, 128]).toString('base64');
    await new WriteFileCommand().execute(params(WriteFileParams, { path: 'a', content, encoding: 'base64' }), context);

    expect(await agent.requests('write_file')[0]?.allData).toEqual(Buffer.from([0, 255, 128]));
  });

  it('writes nothing of what is not base64', async () => {
    const { agent, context } = await sandboxed();
    const fields = params(WriteFileParams, { path: 'a', content: 'not base64!', encoding: 'base64' });

    expect((await failureOf(new WriteFileCommand().execute(fields, context))).errorCode).toBe('invalid_base64');
    expect(agent.received).toEqual([]);
  });
});

describe('read_file', () => {
  const read = async (content: Buffer | string, fields: Partial<ReadFileParams> = {}) => {
    const { agent, context } = await sandboxed();
    agent.on('read_file', fileOf(content));
    return new ReadFileCommand(OPTIONS).execute(params(ReadFileParams, { path: 'a', ...fields }), context);
  };

  it('gives a whole file', async () => {
    expect(await read('größe')).toEqual({
      path: '/workspace/a',
      content: 'größe',
      bytes: 7,
      encoding: 'utf8',
      truncated: false,
      size: 7,
    });
  });

  it('gives at most what the server allows, and says that there is more', async () => {
    expect(await read('0123456789ab')).toMatchObject({ content: '0123456789', bytes: 10, truncated: true, size: 12 });
    expect(await read('0123456789ab', { length: 99 })).toMatchObject({ content: '0123456789', truncated: true });
  });

  it('gives a range', async () => {
    expect(await read('0123456789ab', { offset: 2, length: 3 })).toMatchObject({ content: '234', truncated: true });
    expect(await read('0123456789ab', { offset: 9 })).toMatchObject({ content: '9ab', truncated: false });
    expect(await read('0123', { offset: 9 })).toMatchObject({ content: '', bytes: 0, truncated: false });
    expect(await read('0123', { length: 0 })).toMatchObject({ content: '', truncated: true });
  });

  it('does not end within a character where the file goes on, and counts what it gave', async () => {
    expect(await read('012345678☃')).toMatchObject({ content: '012345678', bytes: 9, truncated: true });
  });

  it('refuses what is not text, and says how it can be read', async () => {
    const failure = await failureOf(read(Buffer.from([0x61, 0xff])));

    expect(failure.errorCode).toBe('not_utf8');
    expect(failure.message).toContain('base64');
  });

  it('refuses a character that the file itself does not finish', async () => {
    expect((await failureOf(read(Buffer.from('ab☃').subarray(0, 4)))).errorCode).toBe('not_utf8');
  });

  it('gives any bytes as base64, cut where the limit is', async () => {
    expect(await read('012345678☃', { encoding: 'base64' })).toMatchObject({
      content: Buffer.from('012345678☃').subarray(0, 10).toString('base64'),
      bytes: 10,
      encoding: 'base64',
    });
  });
});

describe('copy_file and move_file', () => {
  it('answer in the names of API.md', async () => {
    const { agent, context } = await sandboxed();
    for (const method of ['copy_file', 'move_file']) {
      agent.on(method, (exchange) =>
        exchange.respond({ source: '/workspace/a', destination: '/workspace/b', bytes: 3 }),
      );
    }
    const paths = { sourcePath: 'a', destinationPath: 'b', overwrite: true };

    expect(await new CopyFileCommand().execute({ ...paths, recursive: true }, context)).toEqual({
      sourcePath: '/workspace/a',
      destinationPath: '/workspace/b',
      bytes: 3,
    });
    expect(await new MoveFileCommand().execute(paths, context)).toEqual({
      sourcePath: '/workspace/a',
      destinationPath: '/workspace/b',
    });
  });
});

describe('execute_shell', () => {
  it('runs a program in /workspace with its arguments as they are', async () => {
    const { agent, context } = await sandboxed();
    const fields = params(ExecuteShellParams, {
      commandName: 'grep',
      args: ['$(x)', 'a b'],
      stdin: '',
      env: { A: 'b' },
    });
    await new ExecuteShellCommand(OPTIONS).execute(fields, context);

    expect(agent.requests('run')[0]?.head).toMatchObject({
      args: ['grep', '$(x)', 'a b'],
      cwd: '/workspace',
      stdin: 'open',
      timeoutMs: 5_000,
      env: expect.objectContaining({ A: 'b' }) as object,
    });
  });

  it('runs it elsewhere where it is told to, with nothing to read', async () => {
    const { agent, context } = await sandboxed();
    const fields = params(ExecuteShellParams, { commandName: 'ls', workingDirectory: '/tmp' });
    await new ExecuteShellCommand(OPTIONS).execute(fields, context);

    expect(agent.requests('run')[0]?.head).toMatchObject({ args: ['ls'], cwd: '/tmp', stdin: 'closed' });
  });
});

describe('the limits of a command that runs a program', () => {
  const shell = (fields: Partial<ExecuteShellParams>) => params(ExecuteShellParams, { commandName: 'true', ...fields });

  it('reach the agent as they are, up to what the server gives', async () => {
    const { agent, context } = await sandboxed();
    const limits = { cpuTimeMs: 100, outputLimitBytes: OPTIONS.outputLimitBytes };
    await new ExecuteShellCommand(OPTIONS).execute(shell(limits), context);

    expect(agent.requests('run')[0]?.head).toMatchObject(limits);
  });

  it('cannot be more output than the server gives', async () => {
    const { agent, context } = await sandboxed();
    const asked = OPTIONS.outputLimitBytes + 1;
    const running = new ExecuteShellCommand(OPTIONS).execute(shell({ outputLimitBytes: asked }), context);

    await expect(running).rejects.toMatchObject({
      reason: 'quota_exceeded',
      data: { quota: 'outputLimitBytes', limit: OPTIONS.outputLimitBytes },
    });
    expect(agent.requests('run')).toEqual([]);
  });
});

describe('execute_code', () => {
  /** A sandbox that remembers what was written and deleted, and plays each program by the script in turn. */
  async function coding(language: string, ends: Partial<RunResult>[] = []) {
    const parts = await sandboxed(language);
    const { agent } = parts;
    const written: { path: string; code: string; head: object }[] = [];
    agent.on('write_file', async (exchange) => {
      const code = (await exchange.allData).toString();
      written.push({ path: String(exchange.head['path']), code, head: exchange.head });
      exchange.respond({ path: exchange.head['path'], bytes: code.length });
    });
    agent.on('delete_file', (exchange) => exchange.respond({ path: exchange.head['path'], deleted: true }));
    agent.on('run', (exchange) => exchange.respond(processEnd(ends.shift())));
    const execute = (fields: Partial<ExecuteCodeParams>, context: Partial<CommandContext> = {}) =>
      new ExecuteCodeCommand(OPTIONS, noContexts()).execute(params(ExecuteCodeParams, { code: 'code', ...fields }), {
        ...parts.context,
        ...context,
      });
    const argsOf = () => agent.requests('run').map(({ head }) => head['args'] as string[]);
    const deleted = () => agent.requests('delete_file').map(({ head }) => [head['path'], head['recursive']]);
    return { ...parts, written, execute, argsOf, deleted };
  }

  it('shares its CPU time between the compiler and the program, and writes nothing where it asks for too much', async () => {
    const { execute, agent } = await coding('go', [{ cpuMs: 60 }, {}, { cpuMs: 200 }, {}]);
    await execute({ cpuTimeMs: 100, outputLimitBytes: 5 });
    await execute({ cpuTimeMs: 100 });

    const heads = agent.requests('run').map(({ head }) => head);
    expect(heads.map(({ cpuTimeMs }) => cpuTimeMs)).toEqual([100, 40, 100, 1]);
    expect(heads.map(({ outputLimitBytes }) => outputLimitBytes)).toEqual([5, 5, 10_000, 10_000]);

    await expect(execute({ outputLimitBytes: 10_001 })).rejects.toMatchObject({ reason: 'quota_exceeded' });
    expect(agent.requests('write_file')).toHaveLength(2);
  });

  it('runs a file of its own below /workspace, so that imports find what lies there, and leaves none', async () => {
    const { execute, written, argsOf, deleted, agent } = await coding('python');
    await execute({ code: 'print(1)', args: ['a b'], stdin: 'in' });

    const path = written[0]?.path ?? '';
    expect(written).toHaveLength(1);
    expect(path).toMatch(/^\/workspace\/\.run-[0-9a-f]{12}\.py$/);
    expect(written[0]).toMatchObject({ code: 'print(1)', head: { mode: 'create_new' } });
    expect(argsOf()).toEqual([['python3', path, 'a b']]);
    expect(agent.requests('run')[0]?.head).toMatchObject({ cwd: '/workspace', stdin: 'open' });
    expect(deleted()).toEqual([[path, true]]);
  });

  it('uses another file for every run', async () => {
    const { execute, written } = await coding('python');
    await Promise.all([execute({}), execute({})]);

    expect(written[0]?.path).not.toBe(written[1]?.path);
  });

  it.each([
    ['nodejs', undefined, '.js'],
    ['nodejs', 'typescript', '.ts'],
    ['ts', undefined, '.ts'],
    ['ts', 'JavaScript', '.js'],
  ])('of a session of %s, asked for %s, runs as %s', async (session, language, extension) => {
    const { execute, written } = await coding(session);
    await execute(language === undefined ? {} : { language });

    expect(written[0]?.path.endsWith(extension)).toBe(true);
  });

  it.each(['go', 'cobol'])('refuses %s in a session of another language', async (language) => {
    const { execute, agent } = await coding('python');

    expect((await failureOf(execute({ language }))).errorCode).toBe('unsupported_language');
    expect(agent.received).toEqual([]);
  });

  it('builds what must be built, in a directory of its own, and then runs what came out', async () => {
    const { execute, written, argsOf, deleted } = await coding('go', [{}, { exitCode: 3 }]);
    const result = await execute({ args: ['x'] });

    const directory = written[0]?.path.replace('/main.go', '') ?? '';
    expect(directory).toMatch(/^\/tmp\/run-[0-9a-f]{12}$/);
    expect(argsOf()).toEqual([
      ['go', 'build', '-buildmode=exe', '-o', `${directory}/main`, `${directory}/main.go`],
      [`${directory}/main`, 'x'],
    ]);
    expect(result).toMatchObject({ exitCode: 3 });
    expect(deleted()).toEqual([[directory, true]]);
  });

  it('gives what the compiler said where the build failed, and runs nothing', async () => {
    const { execute, argsOf, deleted } = await coding('go', [{ exitCode: 1 }]);

    expect(await execute({})).toMatchObject({ exitCode: 1, endReason: 'exited' });
    expect(argsOf()).toHaveLength(1);
    expect(deleted()).toHaveLength(1);
  });

  it('fails when the compiler was killed', async () => {
    const { execute, argsOf } = await coding('go', [{ endReason: 'out_of_memory', exitCode: null }]);

    const failure = await failureOf(execute({}));
    expect(failure).toMatchObject({ errorCode: 'out_of_memory', result: { phase: 'build' } });
    expect(failure.message).toMatch(/^The build /);
    expect(argsOf()).toHaveLength(1);
  });

  it('leaves the program what the build has left of the time', async () => {
    const { execute, agent } = await coding('go');
    await execute({}, { timeoutMs: 5_000 });

    const [build, run] = agent.requests('run').map(({ head }) => head['timeoutMs'] as number);
    expect(build).toBeLessThanOrEqual(5_000);
    expect(run).toBeLessThanOrEqual(5_000);
    expect(run).toBeGreaterThan(0);
  });

  it('leaves no file when the program fails or is cancelled', async () => {
    const { execute, deleted, agent } = await coding('python', [{ endReason: 'timed_out', exitCode: null }]);
    await failureOf(execute({}));
    expect(deleted()).toHaveLength(1);

    agent.on('run', async (exchange) => {
      await exchange.cancelled;
      exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
    });
    const caller = new AbortController();
    const running = execute({}, { signal: caller.signal });
    running.catch(() => undefined);
    await arrived();
    caller.abort('cancelled');
    await failureOf(running);
    expect(deleted()).toHaveLength(2);
  });

  it('does not mind a program that deletes its own file', async () => {
    const { execute, agent } = await coding('python');
    agent.on('delete_file', (exchange) => exchange.refuse('not_found', 'there is none'));

    await expect(execute({})).resolves.toMatchObject({ exitCode: 0 });
  });

  it('says what kept the file from being written', async () => {
    const { execute, agent } = await coding('python');
    agent.on('write_file', (exchange) => exchange.refuse('no_space', 'the disk is full'));

    await expect(execute({})).rejects.toMatchObject({ code: 'no_space' });
    expect(agent.requests('run')).toEqual([]);
  });
});
