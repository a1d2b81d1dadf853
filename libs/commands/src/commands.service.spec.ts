import { Global, Injectable, Logger, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { IsInt, IsOptional } from 'class-validator';
import { describe, expect, it, vi } from 'vitest';

import { ContextsModule, ContextsService } from '#libs/contexts';
import { AgentError, ChannelLostError, findLanguage, type Language, RuntimeError } from '#libs/runtime';
import { DomainError, Session, SESSION_DEFAULTS } from '#libs/sessions';

import { arrived, type FakeExchange, processEnd } from '../../runtime/src/testing/fake-agent.js';
import { FAKE_IMAGE, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import { type Command, type CommandContext, CommandFailure, CommandHandler } from './command-handler.js';
import { CommandsModule } from './commands.module.js';
import { CommandsService } from './commands.service.js';
import { IsTimeoutMs } from './fields.js';
import { CommandsOptions } from './options.js';

Logger.overrideLogger(false);

const OPTIONS = {
  maxTimeoutMs: 60_000,
  keptOutputBytes: 1_000,
  outputLimitBytes: 10_000,
  maxReadBytes: 100,
} satisfies CommandsOptions;

/** What the test command does; set by each test. */
const probe = vi.fn<(params: object, context: CommandContext) => Promise<object>>();

class ProbeParams {
  @IsOptional()
  @IsInt()
  number?: number;

  @IsTimeoutMs()
  timeoutMs?: number;
}

/** As a team's own module would add a command type. */
@Injectable()
@CommandHandler({ type: 'probe', aliases: ['try'], params: ProbeParams, summary: 'Tests.' })
class ProbeCommand implements Command<ProbeParams> {
  execute(params: ProbeParams, context: CommandContext): Promise<object> {
    return probe(params, context);
  }
}

@Injectable()
@CommandHandler({ type: 'shell', params: ProbeParams, summary: 'Takes the name of another.' })
class RivalCommand implements Command<ProbeParams> {
  execute(): Promise<object> {
    return Promise.resolve({});
  }
}

async function service(options: Partial<CommandsOptions> = {}, more: (new () => object)[] = [ProbeCommand]) {
  @Global()
  @Module({
    providers: [{ provide: CommandsOptions, useValue: { ...OPTIONS, ...options } }],
    exports: [CommandsOptions],
  })
  class Surroundings {}

  @Module({ providers: more })
  class TeamModule {}

  // No command of this file has to do with contexts.
  @Module({ providers: [{ provide: ContextsService, useValue: {} }], exports: [ContextsService] })
  class NoContexts {}

  const module = Test.createTestingModule({ imports: [Surroundings, CommandsModule, TeamModule] })
    .overrideModule(ContextsModule)
    .useModule(NoContexts);
  const app = await (await module.compile()).init();
  return app.get(CommandsService);
}

async function newSession(language = 'python', requestedLanguage = language) {
  const runtime = new FakeRuntime();
  const sandbox = await runtime.create({ image: FAKE_IMAGE, limits: {} as never, labels: {} });
  const session = new Session(
    {
      id: 's_1',
      language: findLanguage(language) as Language,
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
  return { session, sandbox, runtime, agent: sandbox.container.agent };
}

async function refusalOf(work: Promise<unknown>): Promise<DomainError> {
  const thrown = await work.then(
    (result) => new Error(`it was not refused: ${JSON.stringify(result)}`),
    (error: unknown) => error,
  );
  if (!(thrown instanceof DomainError)) throw thrown;
  return thrown;
}

describe('command types', () => {
  it('are those of API.md, in its words, and those of other modules', async () => {
    const types = (await service()).types().map(({ type, aliases = [] }) => [type, ...aliases].join(' '));

    expect(types.sort()).toEqual(
      [
        'install_packages',
        'diff',
        'apply_patch',
        'write_file',
        'read_file',
        'list_directory list_files',
        'create_directory create_dir',
        'copy_file',
        'move_file',
        'delete_file',
        'stat_file',
        'execute_shell shell',
        'execute_code execute',
        'probe try',
      ].sort(),
    );
  });

  it('stop the start when two handlers claim one name', async () => {
    await expect(service({}, [RivalCommand])).rejects.toThrow('two handlers claim the command type shell');
  });

  it.each([
    [{}],
    [{ type: 'no_such' }],
    [{ type: '__proto__' }],
    [{ type: 5 }],
    [{ type: null }],
    [{ type: ['probe'] }],
  ])('are named when %j is none', async (command) => {
    const { session } = await newSession();
    const refusal = await refusalOf((await service()).execute(session, command));

    expect(refusal.reason).toBe('invalid_params');
    expect(refusal.data['violations']).toMatchObject([{ field: 'command.type' }]);
    expect(refusal.message).toContain('execute_shell');
    expect(session.executionCount).toBe(0);
  });
});

describe('a command', () => {
  it.each(['probe', 'try'])(
    'is handled by its name or alias, without type and id among its fields (%s)',
    async (type) => {
      probe.mockResolvedValueOnce({ did: 'it' });
      const { session } = await newSession();
      const outcome = await (await service()).execute(session, { type, id: 'x', number: 5 });

      expect(outcome).toEqual({
        success: true,
        result: { did: 'it' },
        error: null,
        durationMs: expect.any(Number) as number,
        id: 'x',
      });
      expect(probe.mock.lastCall?.[0]).toEqual({ number: 5 });
    },
  );

  it.each([0, 7, '', 'seven'])('gets its id %j back', async (id) => {
    probe.mockResolvedValueOnce({});
    const { session } = await newSession();

    expect((await (await service()).execute(session, { type: 'probe', id })).id).toBe(id);
  });

  it('gets no id back that it did not carry', async () => {
    probe.mockResolvedValueOnce({});
    const { session } = await newSession();

    expect(await (await service()).execute(session, { type: 'probe' })).not.toHaveProperty('id');
  });

  it.each([[null], [true], [{}], [[1]]])('is refused with the id %j', async (id) => {
    const { session } = await newSession();

    expect(
      (await refusalOf((await service()).execute(session, { type: 'probe', id }))).data['violations'],
    ).toMatchObject([{ field: 'command.id' }]);
  });

  it('is refused with fields that are wrong, before the session counts it', async () => {
    const { session } = await newSession();
    const refusal = await refusalOf((await service()).execute(session, { type: 'probe', nubmer: 5 }));

    expect(refusal.data['violations']).toMatchObject([{ field: 'command.nubmer' }]);
    expect(session.executionCount).toBe(0);
  });

  it('makes its session Active while it runs, however it ends', async () => {
    const commands = await service();
    const { session } = await newSession();
    const states: string[] = [];
    probe.mockImplementationOnce(async () => {
      states.push(session.state);
      throw new CommandFailure('broke', 'It broke.');
    });
    await commands.execute(session, { type: 'probe' });
    states.push(session.state);

    expect(states).toEqual(['Active', 'Idle']);
    expect(session.executionCount).toBe(1);
  });

  it('hands output on to whoever asked for it', async () => {
    probe.mockResolvedValueOnce({});
    const { session } = await newSession();
    const onOutput = vi.fn();
    await (await service()).execute(session, { type: 'probe' }, { onOutput });

    expect(probe.mock.lastCall?.[1].onOutput).toBe(onOutput);
  });
});

describe('the time limit of a command', () => {
  it.each([
    ['its own', { type: 'probe', timeoutMs: 7 }, { timeoutMs: 9 }, 7],
    ['its caller’s', { type: 'probe' }, { timeoutMs: 9 }, 9],
    ['thirty seconds', { type: 'probe' }, {}, 30_000],
    ['all that the server gives', { type: 'probe', timeoutMs: 60_000 }, {}, 60_000],
  ])('is %s', async (_whose, command, options, timeoutMs) => {
    probe.mockResolvedValueOnce({});
    const { session } = await newSession();
    await (await service()).execute(session, command, options);

    expect(probe.mock.lastCall?.[1].timeoutMs).toBe(timeoutMs);
  });

  it('is lower by default where the server gives less', async () => {
    probe.mockResolvedValueOnce({});
    const { session } = await newSession();
    await (await service({ maxTimeoutMs: 500 })).execute(session, { type: 'probe' });

    expect(probe.mock.lastCall?.[1].timeoutMs).toBe(500);
  });

  it.each([
    [{ type: 'probe', timeoutMs: 60_001 }, {}],
    [{ type: 'probe' }, { timeoutMs: 60_001 }],
  ])('is refused where it is more than the server gives (%j, %j)', async (command, options) => {
    const { session } = await newSession();

    expect(await refusalOf((await service()).execute(session, command, options))).toMatchObject({
      reason: 'quota_exceeded',
      data: { quota: 'timeoutMs', limit: 60_000 },
    });
  });

  it.each([
    { type: 'write_file', path: 'a', content: 'x' },
    { type: 'read_file', path: 'a' },
    { type: 'list_directory', recursive: true },
    { type: 'copy_file', source: 'a', destination: 'b' },
    { type: 'delete_file', path: 'a' },
  ])('is told to the agent for $type too', async (command) => {
    const { session, agent } = await newSession();
    await (await service()).execute(session, command, { timeoutMs: 1_234 });

    expect(agent.received.at(-1)?.head['timeoutMs']).toBe(1_234);
  });
});

describe('a command that fails', () => {
  it('is an outcome with its result, its sentence and its code', async () => {
    probe.mockRejectedValueOnce(new CommandFailure('timed_out', 'It took too long.', { stdout: 'so far' }));
    const { session } = await newSession();

    expect(await (await service()).execute(session, { type: 'probe', id: 3 })).toEqual({
      success: false,
      result: { stdout: 'so far' },
      error: 'It took too long.',
      errorCode: 'timed_out',
      durationMs: expect.any(Number) as number,
      id: 3,
    });
  });

  it('is an outcome with what the agent refused', async () => {
    probe.mockRejectedValueOnce(new AgentError('not_found', 'there is no /x'));
    const { session } = await newSession();

    expect(await (await service()).execute(session, { type: 'probe' })).toMatchObject({
      success: false,
      result: null,
      error: 'There is no /x.',
      errorCode: 'not_found',
    });
  });

  it('is nobody’s outcome but an error where we have a bug', async () => {
    const bug = new TypeError('a bug');
    probe.mockRejectedValueOnce(bug);
    const { session } = await newSession();

    await expect((await service()).execute(session, { type: 'probe' })).rejects.toBe(bug);
    expect(session.state).toBe('Idle');
  });

  it('says so when its arguments are too long to be sent', async () => {
    const { session } = await newSession();
    const command = { type: 'execute_shell', commandName: 'echo', args: ['x'.repeat(300_000)] };

    expect(await (await service()).execute(session, command)).toMatchObject({ success: false });
  });
});

describe('a caller who goes', () => {
  it('cancels the command and hears request_cancelled, whatever the command makes of it', async () => {
    const commands = await service();
    for (const end of [
      () => Promise.reject(new CommandFailure('cancelled', 'It was cancelled.', {})),
      () => Promise.reject(new AgentError('cancelled', 'cancelled')),
      () => Promise.reject(new Error('anything')),
    ]) {
      const caller = new AbortController();
      const { session } = await newSession();
      probe.mockImplementationOnce((_params, { signal }) => {
        caller.abort('cancelled');
        expect(signal.reason).toBe('cancelled');
        return end();
      });

      expect((await refusalOf(commands.execute(session, { type: 'probe' }, { signal: caller.signal }))).reason).toBe(
        'request_cancelled',
      );
      expect(session.state).toBe('Idle');
    }
  });

  it('begins nothing when it has gone already', async () => {
    probe.mockReset();
    const { session } = await newSession();
    const commands = await service();

    const signal = AbortSignal.abort('disconnected');
    expect((await refusalOf(commands.execute(session, { type: 'probe' }, { signal }))).reason).toBe(
      'request_cancelled',
    );
    expect(probe).not.toHaveBeenCalled();
  });

  it('hears request_cancelled even when the session ends at the same time', async () => {
    const caller = new AbortController();
    const { session } = await newSession();
    probe.mockImplementationOnce(() => {
      session.end('closed');
      caller.abort('cancelled');
      return Promise.reject(new AgentError('cancelled', 'cancelled'));
    });

    const refusal = await refusalOf((await service()).execute(session, { type: 'probe' }, { signal: caller.signal }));
    expect(refusal.reason).toBe('request_cancelled');
  });

  it('kills the program that it had started', async () => {
    const { session, agent } = await newSession();
    agent.on('run', async (exchange) => {
      await exchange.cancelled;
      exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
    });
    const caller = new AbortController();
    const running = (await service()).execute(
      session,
      { type: 'shell', command: 'sleep', args: ['100'] },
      { signal: caller.signal },
    );
    running.catch(() => undefined);
    await arrived();
    caller.abort('disconnected');

    expect((await refusalOf(running)).reason).toBe('request_cancelled');
    expect(agent.requests('run')[0]?.cancelReason).toBe('disconnected');
  });
});

describe('a session that ends', () => {
  it('kills what runs, whose output is not lost', async () => {
    const { session, agent } = await newSession();
    agent.on('run', async (exchange: FakeExchange) => {
      await exchange.output('stdout', 'so far');
      await exchange.cancelled;
      exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null, stdoutBytes: 6 }));
    });
    const running = (await service()).execute(session, { type: 'shell', command: 'sleep' });
    await arrived();
    session.end('lifetime_exceeded');

    expect(await running).toMatchObject({
      success: false,
      errorCode: 'killed',
      result: { stdout: 'so far', endReason: 'killed' },
    });
  });

  it('ends a file command with session_ended', async () => {
    const { session } = await newSession();
    probe.mockImplementationOnce(() => {
      session.end('closed');
      return Promise.reject(new AgentError('cancelled', 'cancelled'));
    });

    expect(await refusalOf((await service()).execute(session, { type: 'probe' }))).toMatchObject({
      reason: 'session_ended',
      data: { endReason: 'closed' },
    });
  });

  it('lets no further command begin', async () => {
    probe.mockReset();
    const { session } = await newSession();
    session.end('idle_timeout');

    expect((await refusalOf((await service()).execute(session, { type: 'probe' }))).data).toEqual({
      endReason: 'idle_timeout',
    });
    expect(probe).not.toHaveBeenCalled();
  });

  it('does not hide what the agent refused for another reason', async () => {
    const { session } = await newSession();
    probe.mockImplementationOnce(() => {
      session.end('closed');
      return Promise.reject(new AgentError('no_space', 'the disk is full'));
    });

    expect((await (await service()).execute(session, { type: 'probe' })).errorCode).toBe('no_space');
  });
});

describe('a sandbox that is lost', () => {
  it('is told as session_ended before a command begins', async () => {
    probe.mockReset();
    const { session, sandbox, runtime } = await newSession();
    runtime.engine.lose(sandbox.id, 'container_lost');

    expect((await refusalOf((await service()).execute(session, { type: 'probe' }))).data).toEqual({
      endReason: 'container_lost',
    });
    expect(probe).not.toHaveBeenCalled();
  });

  it('is told as session_ended when it goes in the middle of a file command', async () => {
    const { session, sandbox, runtime } = await newSession();
    probe.mockImplementationOnce(() => {
      runtime.engine.lose(sandbox.id, 'container_lost');
      return Promise.reject(new ChannelLostError());
    });

    expect((await refusalOf((await service()).execute(session, { type: 'probe' }))).reason).toBe('session_ended');
  });

  it('is an outcome container_lost with the output when it goes in the middle of a program', async () => {
    const { session, sandbox, runtime, agent } = await newSession();
    agent.on('run', (exchange) => exchange.output('stdout', 'so far'));
    const running = (await service()).execute(session, { type: 'shell', command: 'x' });
    await arrived();
    runtime.engine.lose(sandbox.id, 'container_lost');

    expect(await running).toMatchObject({ success: false, errorCode: 'container_lost', result: { stdout: 'so far' } });
  });

  it('is not told as lost when only the line broke; and never that the command went well', async () => {
    const { session, agent } = await newSession();
    probe.mockImplementationOnce(() => {
      agent.breakLine();
      return Promise.reject(new ChannelLostError());
    });

    const refusal = await refusalOf((await service()).execute(session, { type: 'probe' }));
    expect(refusal.reason).toBe('engine_unavailable');
    expect(refusal.message).toContain('not known');
    expect(session.endReason).toBeUndefined();
  });

  it.each([
    ['engine_unavailable', 'engine_unavailable'],
    ['sandbox_paused', 'session_paused'],
  ] as const)(
    'is not told as lost when nobody knows: %s; and what there was of the output is told',
    async (kind, reason) => {
      const { session, sandbox, agent } = await newSession();
      agent.on('run', (exchange) => exchange.output('stdout', 'so far'));
      const running = (await service()).execute(session, { type: 'shell', command: 'x' });
      running.catch(() => undefined);
      await arrived();
      vi.spyOn(sandbox, 'ready').mockRejectedValue(new RuntimeError(kind, 'Nothing was lost.'));
      agent.breakLine();

      const refusal = await refusalOf(running);
      expect(refusal).toMatchObject({ reason, data: { output: { stdout: 'so far' } } });
      expect(refusal.message).toContain('not known');
      expect(refusal.message).not.toContain('Nothing was lost');
    },
  );

  it('is not told as lost while the engine is away', async () => {
    probe.mockReset();
    const { session, agent, runtime } = await newSession();
    runtime.engine.isAway = true;
    agent.breakLine();

    await expect((await service()).execute(session, { type: 'probe' })).rejects.toMatchObject({
      kind: 'engine_unavailable',
    });
    expect(probe).not.toHaveBeenCalled();
    expect(session.state).toBe('Idle');
  });
});
