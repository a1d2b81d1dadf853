import { describe, expect, it, vi } from 'vitest';

import { END_REASONS, type EndReason, findLanguage, type Language, type ProcessEnd } from '#libs/runtime';
import { Session, SESSION_DEFAULTS } from '#libs/sessions';

import { arrived, type FakeExchange, processEnd } from '../../runtime/src/testing/fake-agent.js';
import { FAKE_IMAGE, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import { type CommandContext, CommandFailure } from './command-handler.js';
import type { CommandsOptions } from './options.js';
import { type Program, runProgram, type RunResult } from './run-program.js';

const OPTIONS: CommandsOptions = {
  maxTimeoutMs: 60_000,
  keptOutputBytes: 10,
  outputLimitBytes: 1_000,
  maxReadBytes: 1_000,
};
const PROGRAM: Program = { args: ['prog', 'a b'], cwd: '/workspace', timeoutMs: 5_000 };

async function started(play: (exchange: FakeExchange) => void | Promise<void>) {
  const runtime = new FakeRuntime();
  const sandbox = await runtime.create({ image: FAKE_IMAGE, limits: {} as never, labels: {} });
  sandbox.container.agent.on('run', play);
  const session = new Session(
    {
      id: 's_1',
      language: findLanguage('python') as Language,
      requestedLanguage: 'python',
      env: { FROM_SESSION: 'yes', TMPDIR: '/workspace/tmp' },
      labels: {},
      createdAt: new Date(),
      hidden: false,
    },
    sandbox,
    SESSION_DEFAULTS,
    () => undefined,
  );
  const run = (program: Partial<Program> = {}, context: Partial<CommandContext> = {}, options = OPTIONS) =>
    runProgram({ ...PROGRAM, ...program }, { session, signal: session.ended, timeoutMs: 5_000, ...context }, options);
  return { run, session, sandbox, runtime, agent: sandbox.container.agent };
}

/** A program that writes and then ends. */
function writing(parts: ['stdout' | 'stderr', string | Buffer][], end: Partial<ProcessEnd> = {}) {
  return async (exchange: FakeExchange): Promise<void> => {
    const bytes = { stdout: 0, stderr: 0 };
    for (const [stream, part] of parts) {
      bytes[stream] += Buffer.byteLength(part);
      await exchange.output(stream, part);
    }
    exchange.respond(processEnd({ stdoutBytes: bytes.stdout, stderrBytes: bytes.stderr, ...end }));
  };
}

async function failureOf(running: Promise<RunResult>): Promise<CommandFailure & { result: RunResult }> {
  const thrown = await running.then(
    () => new Error('it did not fail'),
    (error: unknown) => error,
  );
  if (!(thrown instanceof CommandFailure)) throw thrown;
  return thrown as CommandFailure & { result: RunResult };
}

describe('what a program is given', () => {
  it('is its arguments as they are, its directory, its limits and nothing to read', async () => {
    const { run, agent } = await started(writing([]));
    const { processId } = await run();

    expect(agent.requests('run')[0]?.head).toMatchObject({
      processId,
      args: ['prog', 'a b'],
      cwd: '/workspace',
      timeoutMs: 5_000,
      outputLimitBytes: 1_000,
      stdin: 'closed',
    });
    expect(processId).toMatch(/^p_[\w-]{12}$/);
  });

  it('is bounded by its caller where it says so', async () => {
    const { run, agent } = await started(writing([]));
    await run({ cpuTimeMs: 70, outputLimitBytes: 20 });
    await run();

    const [bounded, free] = agent.requests('run').map(({ head }) => head);
    expect(bounded).toMatchObject({ cpuTimeMs: 70, outputLimitBytes: 20 });
    expect(free).not.toHaveProperty('cpuTimeMs');
  });

  it('is the environment of the image, ours, the session’s and its own, the later before the earlier', async () => {
    const { run, agent } = await started(writing([]));
    await run({ env: { FROM_SESSION: 'no', MINE: '1' } });

    expect(agent.requests('run')[0]?.head['env']).toEqual({
      PATH: '/usr/bin',
      FROM_IMAGE: 'yes',
      HOME: '/workspace',
      USER: 'sandbox',
      LOGNAME: 'sandbox',
      TMPDIR: '/workspace/tmp',
      FROM_SESSION: 'no',
      MINE: '1',
    });
  });

  it('is its input, to the end', async () => {
    const { run, agent } = await started(async (exchange) => {
      await exchange.allData;
      exchange.respond(processEnd());
    });
    await run({ stdin: 'größe' });

    expect(agent.requests('run')[0]?.head['stdin']).toBe('open');
    expect((await agent.requests('run')[0]?.allData)?.toString()).toBe('größe');
  });

  it('is told not to send what no reply can hold, unless somebody listens', async () => {
    const { run, agent } = await started(writing([]));
    await run();
    await run({}, { onOutput: () => undefined });

    expect(agent.requests('run').map(({ head }) => head['forwardBytes'])).toEqual([10, undefined]);
  });
});

describe('the result of a program that exited', () => {
  it.each([0, 1, 255])('has its exit code %i, which is no failure', async (exitCode) => {
    const { run } = await started(
      writing(
        [
          ['stdout', 'out'],
          ['stderr', 'err'],
          ['stdout', 'put'],
        ],
        { exitCode },
      ),
    );

    expect(await run()).toEqual({
      processId: expect.any(String) as string,
      exitCode,
      signal: null,
      endReason: 'exited',
      stdout: 'output',
      stderr: 'err',
      stdoutBytes: 6,
      stderrBytes: 3,
      truncated: false,
      durationMs: 12,
      cpuMs: 3,
      maxRssBytes: 4096,
      oomKills: 0,
      leftoversKilled: 0,
      limitsHit: [],
    });
  });

  it('names the limits that it met, and what is full, though they did not end it', async () => {
    const end = { limitsHit: ['memory', 'disk'], fullDisks: ['/tmp'] } as const;
    const { run } = await started(writing([], end));

    expect(await run()).toMatchObject({ endReason: 'exited', ...end });
  });

  it('holds each stream up to the limit, and says that there was more', async () => {
    const { run } = await started(
      writing([
        ['stdout', '0123456'],
        ['stdout', '789ab'],
        ['stdout', 'cdef'],
        ['stderr', '0123456789'],
      ]),
    );

    expect(await run()).toMatchObject({
      stdout: '0123456789',
      stderr: '0123456789',
      stdoutBytes: 16,
      stderrBytes: 10,
      truncated: true,
    });
  });

  it('is not truncated at exactly the limit', async () => {
    const { run } = await started(writing([['stdout', '0123456789']]));

    expect(await run()).toMatchObject({ stdout: '0123456789', truncated: false });
  });

  it('says so when the agent did not send everything', async () => {
    const { run } = await started(writing([['stdout', '0123456789']], { stdoutBytes: 500, truncated: true }));

    expect(await run()).toMatchObject({ stdout: '0123456789', stdoutBytes: 500, truncated: true });
  });

  it.each([
    ['by us', writing([['stdout', '012345678☃ more']])],
    [
      'by the agent',
      writing([['stdout', Buffer.from('012345678☃').subarray(0, 10)]], { stdoutBytes: 900, truncated: true }),
    ],
  ])('does not end within a character where it was cut %s', async (_whom, play) => {
    const { run } = await started(play);
    const result = await run();

    expect(result.stdout).toBe('012345678');
    expect(result).not.toHaveProperty('stdoutBase64');
  });

  it('has the exact bytes beside the text where that is not UTF-8', async () => {
    const bytes = Buffer.from([0x61, 0xff, 0x62]);
    const { run } = await started(
      writing([
        ['stdout', bytes],
        ['stderr', 'fine'],
      ]),
    );
    const result = await run();

    expect(result.stdout).toBe('a\uFFFDb');
    expect(result.stdoutBase64).toBe(bytes.toString('base64'));
    expect(result.stderr).toBe('fine');
    expect(result).not.toHaveProperty('stderrBase64');
  });

  it('has the bytes of a character that the program itself did not finish', async () => {
    const bytes = Buffer.from('ab☃').subarray(0, 4);
    const { run } = await started(writing([['stderr', bytes]]));

    expect((await run()).stderrBase64).toBe(bytes.toString('base64'));
  });

  it('is whole though its pieces end within characters', async () => {
    const bytes = Buffer.from('☃☃☃');
    const { run } = await started(
      writing([
        ['stdout', bytes.subarray(0, 4)],
        ['stdout', bytes.subarray(4)],
      ]),
    );

    expect((await run()).stdout).toBe('☃☃☃');
  });
});

describe('a program that did not exit by itself', () => {
  it.each(END_REASONS.filter((reason) => reason !== 'exited'))(
    'is a failure with its result and a sentence: %s',
    async (endReason) => {
      const end = { endReason, exitCode: null, signal: endReason === 'signaled' ? 'SIGSEGV' : null };
      const { run } = await started(writing([['stdout', 'so far']], end));
      const failure = await failureOf(run());

      expect(failure.errorCode).toBe(endReason);
      expect(failure.message).toMatch(/^[A-Z].*\.$/);
      expect(failure.result).toMatchObject({ ...end, stdout: 'so far', stdoutBytes: 6 });
    },
  );

  it.each<[EndReason, Partial<ProcessEnd>, string]>([
    ['timed_out', {}, '5000 ms'],
    ['signaled', { signal: 'SIGABRT' }, 'SIGABRT'],
    ['output_limit', { stdoutBytes: 900, stderrBytes: 101, signal: 'SIGKILL' }, '1001 bytes'],
    ['spawn_failed', { message: 'there is no prog' }, 'There is no prog.'],
  ])('says what there is to say of %s (%j)', async (endReason, end, words) => {
    const { run } = await started(writing([], { endReason, exitCode: null, ...end }));

    expect((await failureOf(run())).message).toContain(words);
  });

  it('says which kind of spawn failed', async () => {
    const { run } = await started(writing([], { endReason: 'spawn_failed', exitCode: null, kind: 'bad_cwd' }));

    expect((await failureOf(run())).result.kind).toBe('bad_cwd');
  });

  it('was killed when its session ended, though the agent calls it cancelled', async () => {
    const { run, session } = await started(async (exchange) => {
      await exchange.output('stdout', 'so far');
      await exchange.cancelled;
      exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null, stdoutBytes: 6 }));
    });
    const failing = failureOf(run());
    await arrived();
    session.end('idle_timeout');

    const failure = await failing;
    expect(failure.errorCode).toBe('killed');
    expect(failure.result).toMatchObject({ endReason: 'killed', stdout: 'so far' });
  });

  it('was cancelled when only its caller wanted it', async () => {
    const { run } = await started(async (exchange) => {
      await exchange.cancelled;
      exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
    });
    const caller = new AbortController();
    const failing = failureOf(run({}, { signal: caller.signal }));
    await arrived();
    caller.abort('cancelled');

    expect((await failing).errorCode).toBe('cancelled');
  });

  it('exited if it did so before the session’s end reached it', async () => {
    const { run, session } = await started(async (exchange) => {
      await exchange.cancelled;
      exchange.respond(processEnd({ exitCode: 4 }));
    });
    const running = run();
    await arrived();
    session.end('closed');

    expect((await running).exitCode).toBe(4);
  });
});

describe('when the line to the agent breaks', () => {
  it('says that the container was lost, with what output there was', async () => {
    const { run, sandbox, runtime } = await started(async (exchange) => {
      await exchange.output('stdout', 'so far');
    });
    const failing = failureOf(run());
    await arrived();
    runtime.engine.lose(sandbox.id, 'out_of_memory');

    const failure = await failing;
    expect(failure.errorCode).toBe('container_lost');
    expect(failure.result).toMatchObject({
      exitCode: null,
      stdout: 'so far',
      stdoutBytes: 6,
      endReason: 'container_lost',
    });
  });

  it('does not say so while the container lives, and keeps what output there was', async () => {
    const { run, agent } = await started((exchange) => exchange.output('stdout', 'so far'));
    const running = run();
    running.catch(() => undefined);
    await arrived();
    agent.breakLine();

    await expect(running).rejects.toMatchObject({
      name: 'ChannelLostError',
      output: { stdout: 'so far', stderr: '', stdoutBytes: 6, stderrBytes: 0 },
    });
  });

  it('does not say so while the engine is away, for nobody knows', async () => {
    const { run, agent, runtime } = await started(() => undefined);
    const running = run();
    running.catch(() => undefined);
    await arrived();
    runtime.engine.isAway = true;
    agent.breakLine();

    await expect(running).rejects.toMatchObject({ name: 'ChannelLostError' });
  });
});

describe('whoever listens to the output', () => {
  it('gets every piece with the process that it belongs to, beyond what the reply holds too', async () => {
    const heard: string[] = [];
    const onOutput = vi.fn(
      (processId: string, { stream, seq, data }: { stream: string; seq: number; data: Buffer }) => {
        heard.push(`${processId} ${stream} ${seq} ${data.toString()}`);
      },
    );
    const { run } = await started(
      writing([
        ['stdout', '0123456789'],
        ['stderr', 'err'],
        ['stdout', 'beyond'],
      ]),
    );
    const { processId, stdout, truncated } = await run({}, { onOutput });

    expect(heard).toEqual([
      `${processId} stdout 0 0123456789`,
      `${processId} stderr 1 err`,
      `${processId} stdout 2 beyond`,
    ]);
    expect(stdout).toBe('0123456789');
    expect(truncated).toBe(true);
  });

  it('ends the program when it cannot take any more', async () => {
    const { run, agent } = await started(async (exchange) => {
      await exchange.output('stdout', 'x');
    });

    await expect(run({}, { onOutput: () => Promise.reject(new Error('the socket closed')) })).rejects.toThrow(
      'the socket closed',
    );
    expect(await agent.requests('run')[0]?.cancelled).toBe('cancelled');
  });
});
