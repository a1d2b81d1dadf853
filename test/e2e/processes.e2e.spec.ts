import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';
import { WatchedProcess } from '../support/watched-process.js';

const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

const start = (commandName: string, args: string[] = [], more: object = {}): Promise<WatchedProcess> =>
  WatchedProcess.start(server.client, session.id, commandName, args, more);
const sh = (script: string, more: object = {}): Promise<WatchedProcess> => start('sh', ['-c', script], more);

describe('a background process', () => {
  it('is told of as it writes, and how it ended', async () => {
    const process = await sh('echo out; echo err >&2; exit 7');

    expect(await process.exited()).toMatchObject({
      sessionId: session.id,
      endReason: 'exited',
      exitCode: 7,
      signal: null,
      stdoutBytes: 4,
      stderrBytes: 4,
      error: null,
    });
    expect(process.text).toBe('out\n');
    expect(process.bytes('stderr').toString()).toBe('err\n');
    expect(process.chunks.map(({ seq }) => seq)).toEqual([0, 1]);
    expect(await process.call('wait')).toEqual(process.exits[0]);
  });

  it('runs beside others, which are told apart', async () => {
    const all = await Promise.all([1, 2, 3, 4, 5].map((number) => sh(`echo ${number}; exit ${number}`)));

    const ends = await Promise.all(all.map((process) => process.exited()));

    expect(ends.map(({ exitCode }) => exitCode)).toEqual([1, 2, 3, 4, 5]);
    expect(all.map(({ text }) => text)).toEqual(['1\n', '2\n', '3\n', '4\n', '5\n']);
  });

  it('has the environment and the directory that it was given', async () => {
    await session.sh('mkdir -p below');
    const process = await sh('echo "$GREETING $HOME"; pwd', { env: { GREETING: 'hello' }, workingDirectory: 'below' });

    await process.exited();
    expect(process.text).toBe('hello /workspace\n/workspace/below\n');
  });

  it('keeps its session Active while it runs, and not longer', async () => {
    const other = await server.session();
    const process = await WatchedProcess.start(server.client, other.id, 'sleep', ['1000']);

    expect(await other.state()).toBe('Active');
    await process.call('kill');
    await process.call('wait');
    expect(await other.state()).toBe('Idle');
  });

  it('that cannot be started has ended by spawn_failed, and says why', async () => {
    const { processId, state, end } = await server.client.call('process.start', {
      sessionId: session.id,
      commandName: 'no-such-program',
    });

    expect(state).toBe('ended');
    expect(end).toMatchObject({ endReason: 'spawn_failed', kind: 'not_found' });
    expect(end.error).toContain('no-such-program');
    const process = new WatchedProcess(server.client, processId);
    expect(await process.exited()).toMatchObject({ endReason: 'spawn_failed' });
    expect(await process.call('wait')).toMatchObject({ endReason: 'spawn_failed', exitCode: null });
  });

  it('is ended by its own limits', async () => {
    const [time, output] = [
      await start('sleep', ['1000'], { timeoutMs: 300 }),
      await start('yes', [], { outputLimitBytes: 10_000 }),
    ];

    expect(await time.exited()).toMatchObject({ endReason: 'timed_out', exitCode: null });
    expect(await output.exited()).toMatchObject({ endReason: 'output_limit', exitCode: null });
  });

  it('that goes on when its request is long over is ended with its session', async () => {
    const other = await server.session();
    const process = await WatchedProcess.start(server.client, other.id, 'sleep', ['1000']);
    const waiting = process.call('wait');

    await other.close();

    expect(await process.exited()).toMatchObject({ endReason: 'killed' });
    expect(await waiting).toMatchObject({ endReason: 'killed' });
    expect((await process.refusal('wait')).data['reason']).toBe('process_not_found');
  });
});

describe('stdin', () => {
  it('is written in the order of the requests, and closed', async () => {
    const process = await start('cat', [], { stdin: 'open' });
    const lines = Array.from({ length: 200 }, (_, number) => `line ${number} ✓\n`);

    const answers = await Promise.all(lines.map((data) => process.call('write', { data })));
    await process.call('write', { data: Buffer.from([0xff, 0xfe]).toString('base64'), encoding: 'base64' });
    await process.call('closeStdin');

    expect(await process.exited()).toMatchObject({ endReason: 'exited', exitCode: 0 });
    expect(answers.map(({ bytes }) => bytes)).toEqual(lines.map((line) => Buffer.byteLength(line)));
    expect(process.bytes()).toEqual(Buffer.concat([Buffer.from(lines.join('')), Buffer.from([0xff, 0xfe])]));
  });

  it('holds a writer up until the program has room, and goes on when it reads', async () => {
    const process = await start('python3', ['-c', READS_WHEN_TOLD], { stdin: 'open' });
    await process.written('waiting');
    let isTaken = false;
    const data = 'x'.repeat(2_000_000);
    const writing = process.call('write', { data }).then((answer) => {
      isTaken = true;
      return answer;
    });

    await session.sh('sleep 1');
    expect(isTaken).toBe(false);
    await process.call('signal', { signal: 'SIGUSR1' });

    expect(await writing).toMatchObject({ bytes: data.length });
    await process.call('closeStdin');
    await process.exited();
    expect(process.text).toContain(`read ${data.length}`);
  });

  it('that is closed refuses what is written to it', async () => {
    const process = await start('sleep', ['1000']);

    expect((await process.refusal('write', { data: 'x' })).data['reason']).toBe('stdin_closed');
    await process.call('kill');
  });

  it('takes only what is base64 for base64', async () => {
    const process = await start('cat', [], { stdin: 'open' });

    expect((await process.refusal('write', { data: '!', encoding: 'base64' })).data['violations']).toMatchObject([
      { field: 'data' },
    ]);
    await process.call('kill');
  });
});

describe('signals and kills', () => {
  it('reach the program, which may answer to them', async () => {
    const process = await sh('trap "echo caught; exit 3" USR1; echo up; while :; do sleep 0.05; done');
    await process.written('up');

    await process.call('signal', { signal: 'SIGUSR1' });

    expect(await process.exited()).toMatchObject({ endReason: 'exited', exitCode: 3 });
    expect(process.text).toContain('caught');
  });

  it('say by which signal it ended', async () => {
    const process = await start('sleep', ['1000']);

    await process.call('signal', { signal: 'SIGTERM' });

    expect(await process.call('wait')).toMatchObject({ endReason: 'signaled', signal: 'SIGTERM', exitCode: null });
    expect((await process.refusal('signal', { signal: 'SIGTERM' })).data['reason']).toBe('process_ended');
  });

  it('refuse a signal that there is not', async () => {
    const process = await start('sleep', ['1000']);

    expect((await process.refusal('signal', { signal: 'SIGNONE' })).data['reason']).toBe('invalid_params');
    await process.call('kill');
  });

  it('leave nothing of what it had started', async () => {
    const other = await server.session();
    const process = await WatchedProcess.start(server.client, other.id, 'sh', [
      '-c',
      '(setsid sh -c "sleep 1000 & sleep 1001" &); echo up; sleep 1002',
    ]);
    await process.written('up');

    expect((await process.call('kill')).killed).toBeGreaterThan(1);

    expect(await other.programs()).toEqual([]);
    expect(await process.exited()).toMatchObject({ endReason: 'killed', signal: 'SIGKILL' });
    expect(await process.call('kill')).toMatchObject({ killed: 0 });
  });
});

describe('process.list', () => {
  it('tells of those that run and of those that have ended', async () => {
    const other = await server.session();
    const ended = await WatchedProcess.start(server.client, other.id, 'sh', ['-c', 'echo x; exit 4']);
    await ended.exited();
    const running = await WatchedProcess.start(server.client, other.id, 'sleep', ['1000']);

    expect(await server.client.call('process.list', { sessionId: other.id })).toMatchObject({
      count: 2,
      processes: [
        {
          processId: ended.id,
          commandName: 'sh',
          args: ['-c', 'echo x; exit 4'],
          state: 'ended',
          end: { exitCode: 4 },
        },
        { processId: running.id, commandName: 'sleep', args: ['1000'], state: 'running', pty: false, end: null },
      ],
    });
  });
});

describe('a process that there is not', () => {
  it.each(['wait', 'kill', 'closeStdin', 'attach'])('is process_not_found to process.%s', async (verb) => {
    const { code, data } = await server.client.refusal(`process.${verb}`, { processId: 'p_none' });

    expect({ code, reason: data['reason'] }).toEqual({ code: -32010, reason: 'process_not_found' });
  });
});

const READS_WHEN_TOLD = `
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
print('waiting', flush=True)
signal.pause()
print('read', len(sys.stdin.buffer.read()), flush=True)
`;
