import { Logger } from '@nestjs/common';
import { describe, expect, it, vi } from 'vitest';

import { type CommandOutcome, type CommandsService, type ExecuteOptions } from '#libs/commands';
import { type Deferred, deferred, RuntimeError } from '#libs/runtime';
import { DomainError, type Session, type SessionsService } from '#libs/sessions';

import { arrived, isPending } from '../../../../libs/runtime/src/testing/fake-agent.js';
import { Config } from '../config/config.js';
import { RunExecutionParams } from '../gateway/params.js';
import type { ExecutionView } from './execution-records.js';
import { ExecutionsService } from './executions.service.js';

Logger.overrideLogger(false);

const OK: CommandOutcome = {
  success: true,
  result: { exitCode: 0, stdout: 'out', stderr: '', endReason: 'exited', durationMs: 3 },
  error: null,
  durationMs: 4,
};

/** Sessions that a test counts. */
class FakeSessions {
  readonly created: { request: Record<string, unknown>; options: { hidden?: boolean; signal?: AbortSignal } }[] = [];
  readonly ended: string[] = [];
  onCreate: () => void | Promise<void> = () => undefined;
  onEnd: () => void | Promise<void> = () => undefined;

  async create(
    request: Record<string, unknown>,
    options: { hidden?: boolean; signal?: AbortSignal },
  ): Promise<Session> {
    this.created.push({ request, options });
    await this.onCreate();
    return { id: `s_${this.created.length}` } as Session;
  }

  async end(session: Session): Promise<void> {
    await this.onEnd();
    this.ended.push(session.id);
  }
}

/** Commands that end when a test says so, or at once. */
class FakeCommands {
  readonly executed: { command: Record<string, unknown>; options: ExecuteOptions }[] = [];
  outcomes: (CommandOutcome | Promise<CommandOutcome>)[] = [];

  async execute(_session: Session, command: Record<string, unknown>, options: ExecuteOptions): Promise<CommandOutcome> {
    this.executed.push({ command, options });
    return this.outcomes.shift() ?? OK;
  }

  /** The next command ends by hand. */
  hold(): Deferred<CommandOutcome> {
    const held = deferred<CommandOutcome>();
    this.outcomes.push(held.promise);
    return held;
  }
}

function service(settings: Partial<Config> = {}) {
  const sessions = new FakeSessions();
  const commands = new FakeCommands();
  const config = Object.assign(new Config(), settings);
  const executions = new ExecutionsService(
    sessions as unknown as SessionsService,
    commands as unknown as CommandsService,
    config,
  );
  return { sessions, commands, executions };
}

const params = (fields: Partial<RunExecutionParams> = {}): RunExecutionParams =>
  Object.assign(new RunExecutionParams(), { language: 'python', code: 'print(1)' }, fields);
const nobody = new AbortController().signal;

describe('a run', () => {
  it('happens in a hidden session of its own, with the limits that were asked for, and leaves none', async () => {
    const { sessions, executions } = service();
    await executions.run(params({ memoryLimit: 64, cpuLimit: 0.5, timeout: 60 }), nobody);
    await arrived();

    expect(sessions.created).toEqual([
      {
        request: { language: 'python', memoryLimitMB: 64, cpuLimit: 0.5, maxLifetimeMinutes: 3 },
        options: { hidden: true, signal: nobody },
      },
    ]);
    expect(sessions.ended).toEqual(['s_1']);
  });

  it('leaves the limits to the server where none are asked for, and never lives longer than it allows', async () => {
    const { sessions, executions } = service({ maxLifetimeMinutes: 1 });
    await executions.run(params({ timeout: 600 }), nobody);

    expect(sessions.created[0]?.request).toEqual({ language: 'python', maxLifetimeMinutes: 1 });
  });

  it('writes its files first, then runs the code with its input, its arguments and its time', async () => {
    const { commands, executions } = service();
    await executions.run(
      params({
        files: [{ path: 'a', content: 'QQ==', encoding: 'base64' }],
        args: ['x'],
        stdin: 'in',
        timeout: 1.5,
      }),
      nobody,
    );

    expect(commands.executed.map(({ command }) => command)).toEqual([
      { type: 'write_file', path: 'a', content: 'QQ==', encoding: 'base64' },
      { type: 'execute_code', code: 'print(1)', args: ['x'], stdin: 'in' },
    ]);
    expect(commands.executed[1]?.options.timeoutMs).toBe(1_500);
  });

  it('is completed with the result of the program', async () => {
    const { executions } = service();

    expect(await executions.run(params(), nobody)).toEqual({
      executionId: expect.stringMatching(/^e_[\w-]{16}$/) as string,
      success: true,
      status: 'completed',
      exitCode: 0,
      stdout: 'out',
      stderr: '',
      endReason: 'exited',
      durationMs: expect.any(Number) as number,
    });
  });

  it('is failed, with the output that there was, when the program did not exit by itself', async () => {
    const { commands, executions } = service();
    commands.outcomes = [
      {
        success: false,
        result: { exitCode: null, stdout: 'so far', endReason: 'timed_out' },
        error: 'It took too long.',
        errorCode: 'timed_out',
        durationMs: 1,
      },
    ];

    expect(await executions.run(params(), nobody)).toMatchObject({
      status: 'failed',
      stdout: 'so far',
      endReason: 'timed_out',
      error: 'It took too long.',
      errorCode: 'timed_out',
    });
  });

  it('is failed without running anything when a file could not be written', async () => {
    const { commands, executions, sessions } = service();
    commands.outcomes = [
      { success: false, result: null, error: 'The disk is full.', errorCode: 'no_space', durationMs: 1 },
    ];
    const files = [{ path: 'a', content: '', encoding: 'utf8' as const }];

    expect(await executions.run(params({ files }), nobody)).toMatchObject({
      status: 'failed',
      error: 'The file "a" could not be written, so nothing was run: The disk is full.',
      errorCode: 'no_space',
      endReason: 'spawn_failed',
      exitCode: null,
    });
    expect(commands.executed).toHaveLength(1);
    await arrived();
    expect(sessions.ended).toEqual(['s_1']);
  });

  it('leaves no session when the server has a bug', async () => {
    const { commands, executions, sessions } = service();
    const held = commands.hold();
    const running = executions.run(params(), nobody);
    held.reject(new Error('a bug'));

    await expect(running).rejects.toThrow('a bug');
    await arrived();
    expect(sessions.ended).toEqual(['s_1']);
  });

  it('does not make its caller wait for the container to go, nor tell it when that fails', async () => {
    const { executions, sessions } = service();
    const removing = deferred<void>();
    sessions.onEnd = () => removing.promise;

    await expect(executions.run(params(), nobody)).resolves.toMatchObject({ status: 'completed' });
    removing.reject(new Error('the engine broke'));
    await arrived();
  });
});

describe('the queue', () => {
  it('lets so many run at once, and the others in the order in which they came', async () => {
    const { commands, executions, sessions } = service({ maxRunningExecutions: 2 });
    const held = [commands.hold(), commands.hold(), commands.hold()];
    const runs = ['a', 'b', 'c'].map((code) => executions.run(params({ code }), nobody));
    await arrived();
    expect(sessions.created).toHaveLength(2);

    held[1]?.resolve(OK);
    await runs[1];
    await arrived();
    expect(commands.executed.map(({ command }) => command['code'])).toEqual(['a', 'b', 'c']);
    held[0]?.resolve(OK);
    held[2]?.resolve(OK);
    await Promise.all(runs);
  });

  it('refuses more than may wait, whichever way they come, and has room again afterwards', async () => {
    const { commands, executions } = service({ maxRunningExecutions: 1, maxQueuedExecutions: 1 });
    const held = commands.hold();
    const first = executions.run(params(), nobody);
    const second = executions.run(params(), nobody);

    const full = { reason: 'quota_exceeded', data: { quota: 'maxQueuedExecutions', limit: 1 } };
    await expect(executions.run(params(), nobody)).rejects.toMatchObject(full);
    expect(() => executions.enqueue(params(), () => undefined)).toThrow(expect.objectContaining(full));
    held.resolve(OK);
    await Promise.all([first, second]);
    await expect(executions.run(params(), nobody)).resolves.toBeDefined();
  });

  it('lets nobody wait where none may, but runs what there is a place for', async () => {
    const { commands, executions } = service({ maxRunningExecutions: 1, maxQueuedExecutions: 0 });
    const held = commands.hold();
    const first = executions.run(params(), nobody);
    await expect(executions.run(params(), nobody)).rejects.toMatchObject({ reason: 'quota_exceeded' });

    held.resolve(OK);
    await expect(first).resolves.toMatchObject({ status: 'completed' });
  });

  it('stays as narrow when a place has been handed on', async () => {
    const { commands, executions, sessions } = service({ maxRunningExecutions: 1 });
    const held = [commands.hold(), commands.hold(), commands.hold()];
    const runs = [1, 2, 3].map(() => executions.run(params(), nobody));
    for (const [index, run] of runs.entries()) {
      await arrived();
      expect(sessions.created).toHaveLength(index + 1);
      held[index]?.resolve(OK);
      await run;
    }
  });

  it('hands the place of a run that failed on', async () => {
    const { executions, sessions } = service({ maxRunningExecutions: 1 });
    sessions.onCreate = () => {
      if (sessions.created.length === 1) throw new RuntimeError('engine_unavailable', 'It is away.');
    };
    const runs = [executions.run(params(), nobody), executions.run(params(), nobody)];

    await expect(runs[0]).rejects.toMatchObject({ kind: 'engine_unavailable' });
    await expect(runs[1]).resolves.toMatchObject({ status: 'completed' });
  });

  it('lets a caller go who no longer waits, and gives its place to another', async () => {
    const { commands, executions } = service({ maxRunningExecutions: 1, maxQueuedExecutions: 1 });
    commands.hold();
    void executions.run(params(), nobody);
    const caller = new AbortController();
    const waiting = executions.run(params(), caller.signal);
    waiting.catch(() => undefined);
    await arrived();
    caller.abort('cancelled');

    await expect(waiting).rejects.toMatchObject({ reason: 'request_cancelled' });
    expect(() => executions.enqueue(params(), () => undefined)).not.toThrow();
  });
});

describe('a run that was queued', () => {
  it('can be asked for at every step, and tells its end', async () => {
    const { commands, executions } = service({ maxRunningExecutions: 1 });
    const held = commands.hold();
    const ended = vi.fn<(execution: ExecutionView) => void>();
    const first = executions.enqueue(params(), ended);
    const second = executions.enqueue(params(), ended);
    await arrived();

    expect(first).toEqual({ executionId: first.executionId, status: 'queued' });
    expect(executions.status(first.executionId).status).toBe('running');
    expect(executions.status(second.executionId).status).toBe('queued');
    held.resolve(OK);
    await vi.waitFor(() => expect(ended).toHaveBeenCalledTimes(2));
    expect(executions.status(first.executionId)).toMatchObject({ status: 'completed', exitCode: 0 });
    expect(ended.mock.calls[0]?.[0]).toEqual(executions.status(first.executionId));
  });

  it('is not bound to the caller, only to the server', async () => {
    const { executions, sessions } = service();
    executions.enqueue(params(), () => undefined);
    await arrived();
    const signal = sessions.created[0]?.options.signal;
    expect(signal?.aborted).toBe(false);
    await executions.onApplicationShutdown();

    expect(signal?.aborted).toBe(true);
  });

  it('tells a refusal as its result', async () => {
    const { executions, sessions } = service();
    sessions.onCreate = () => {
      throw new DomainError('quota_exceeded', 'There are too many.');
    };
    const ended = deferred<ExecutionView>();
    executions.enqueue(params(), ended.resolve);

    expect(await ended.promise).toMatchObject({
      status: 'failed',
      error: 'There are too many.',
      errorCode: 'quota_exceeded',
    });
  });

  it('tells a bug of ours as such, and nothing of it', async () => {
    const { executions, sessions } = service();
    sessions.onCreate = () => {
      throw new Error('secret /path');
    };
    const ended = deferred<ExecutionView>();
    const { executionId } = executions.enqueue(params(), ended.resolve);

    expect(await ended.promise).toEqual({
      executionId,
      success: false,
      status: 'failed',
      error: "The execution could not be started; the server's log has the reason.",
      errorCode: 'internal_error',
    });
  });

  it.each(['engine_unavailable', 'image_unavailable'] as const)('tells %s as its result', async (kind) => {
    const { executions, sessions } = service();
    sessions.onCreate = () => {
      throw new RuntimeError(kind, 'A sentence for clients.');
    };
    const ended = deferred<ExecutionView>();
    executions.enqueue(params(), ended.resolve);

    expect(await ended.promise).toMatchObject({ error: 'A sentence for clients.', errorCode: kind });
  });

  it('is unknown once nobody may ask for it, and always was when it was not queued', async () => {
    const { executions } = service();
    const { executionId } = await executions.run(params(), nobody);

    expect(() => executions.status(executionId)).toThrow(expect.objectContaining({ reason: 'execution_not_found' }));
    expect(() => executions.status('e_none')).toThrow(expect.objectContaining({ reason: 'execution_not_found' }));
  });
});

describe('shutting down', () => {
  it('waits for the containers that are on their way out', async () => {
    const { executions, sessions } = service();
    const removing = deferred<void>();
    sessions.onEnd = () => removing.promise;
    await executions.run(params(), nobody);
    const stopping = executions.onApplicationShutdown();
    expect(await isPending(stopping)).toBe(true);

    removing.resolve();
    await stopping;
  });

  // The runtime is closed as soon as this is over.
  it('waits for the containers of runs that it aborts', async () => {
    const { commands, executions, sessions } = service();
    const held = commands.hold();
    executions.enqueue(params(), () => undefined);
    await arrived();
    sessions.created[0]?.options.signal?.addEventListener('abort', () =>
      held.reject(new DomainError('request_cancelled', 'It was cancelled.')),
    );
    await executions.onApplicationShutdown();

    expect(sessions.ended).toEqual(['s_1']);
  });
});
