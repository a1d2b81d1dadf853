import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';

import { AT_ONCE_MS } from '../support/answers.js';
import { docker } from '../support/leftovers.js';
import { useServer } from '../support/server-under-test.js';
import { bytesOf, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';
import { timedOutHaving } from '../support/timed-out.js';

const MIB = 1_048_576;
const KEPT = MIB;
const OUTPUT_LIMIT = 8 * MIB;
/** Takes memory until there is no more: where the disk is a tmpfs, the limit is raised by its size. */
const HUNGRY = 'memory = []\nwhile True: memory.append(b"x" * (16 * 1024 * 1024))';
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

const server = useServer({ OUTPUT_LIMIT_BYTES: String(OUTPUT_LIMIT) });
let box: TestSession;

beforeAll(async () => {
  box = await server.session({ env: { FROM_SESSION: 'session', BOTH: 'session' } });
});

/** A run that did not end by itself: never a success, always with what is known of it. */
function expectEnd(reply: any, endReason: string, result: object = {}): void {
  expect(reply).toMatchObject({
    success: false,
    errorCode: endReason,
    error: expect.stringMatching(/^\S[^\n]* [^\n]*$/),
    result: { endReason, exitCode: null, durationMs: expect.any(Number), ...result },
  });
}

/** Waits for a line of a file that its writer has not written yet: the end of a program is in the test's hands. */
const WAIT = 'cat fifo';

async function withFifo(params: object = {}): Promise<TestSession> {
  const session = await server.session(params);
  await session.sh('mkfifo fifo');
  return session;
}

describe('what a program is given', () => {
  const ARGS = [
    'plain',
    'two words',
    '  spaces  ',
    '',
    "it's",
    '"quoted"',
    'back\\slash',
    'line\nbreak\ttab\r',
    '$HOME',
    '`id`',
    '$(id)',
    '; touch pwned',
    '&& touch pwned',
    '| tee pwned',
    '> pwned',
    '*',
    '~',
    '-n',
    '--',
    '日本語',
    '🚀',
    '\u0001\u007f',
  ];

  it('is its arguments exactly as they are, and no shell', async () => {
    const script = 'import json, sys; print(json.dumps(sys.argv[1:]))';
    const { result } = await box.run('python3', ['-c', script, ...ARGS]);
    expect(JSON.parse(result.stdout)).toEqual(ARGS);
    expect(await box.run('echo; touch pwned')).toMatchObject({ success: false, errorCode: 'spawn_failed' });
    expect(await box.do('stat_file', { path: 'pwned' })).toMatchObject({ success: false, errorCode: 'not_found' });
  });

  it('is 10,000 arguments when there are so many', async () => {
    const args = Array.from({ length: 9_998 }, (_, index) => `${index}`);
    expect(await box.python('import sys; print(len(sys.argv) - 1)', ...args)).toBe('9998\n');
  });

  it('is asked for by the aliases shell and command too', async () => {
    expect(await box.do('shell', { command: 'echo', args: ['hello'] })).toMatchObject({
      success: true,
      result: { stdout: 'hello\n' },
    });
    expect(await box.do('shell', { commandName: 'true' })).toMatchObject({ success: true, result: { exitCode: 0 } });
  });

  it('can be a script of the session, by a path below the working directory', async () => {
    await box.ok('write_file', { path: 'bin/tool', content: '#!/bin/sh\necho "tool in $PWD with $1"\n' });
    await box.sh('chmod 755 bin/tool');
    const { result } = await box.run('./tool', ['argument'], { workingDirectory: 'bin' });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'tool in /workspace/bin with argument\n' });
    expect((await box.run('/workspace/bin/tool')).result.stdout).toBe('tool in /workspace with \n');
  });

  it("is the session's environment and over it its own, and nothing of the server's", async () => {
    process.env['SECRET_OF_THE_SERVER'] = 'secret';
    try {
      const env = { MINE: 'a b"c\n日本', BOTH: 'command', EMPTY: '' };
      const { result } = await box.run('python3', ['-c', 'import json, os; print(json.dumps(dict(os.environ)))'], {
        env,
      });
      const seen = JSON.parse(result.stdout);
      expect(seen).toMatchObject({
        ...env,
        FROM_SESSION: 'session',
        HOME: '/workspace',
        PATH: expect.stringContaining('/bin'),
      });
      expect(seen).not.toHaveProperty('SECRET_OF_THE_SERVER');
      expect(await box.sh('echo "$MINE$BOTH"')).toBe('session\n');
    } finally {
      delete process.env['SECRET_OF_THE_SERVER'];
    }
  });

  it('is /workspace as its directory, unless another is asked for', async () => {
    await box.ok('create_directory', { path: 'sub dir/deep' });
    const pwd = async (workingDirectory?: string): Promise<string> =>
      (await box.run('pwd', [], workingDirectory === undefined ? {} : { workingDirectory })).result.stdout.trimEnd();
    expect(await pwd()).toBe('/workspace');
    expect(await pwd('/tmp')).toBe('/tmp');
    expect(await pwd('sub dir/deep')).toBe('/workspace/sub dir/deep');
    expect(await pwd('/workspace/sub dir')).toBe('/workspace/sub dir');
  });

  it('has the timers that programs usually have', async () => {
    const reply = await box.run('cat', ['/proc/self/timerslack_ns']);
    expect(reply.result.stdout).toBe('50000\n');
  });

  it('is an unprivileged user of its own', async () => {
    const script = 'import os; print(os.getuid() != 0, os.geteuid() != 0, os.getuid() == os.stat("/workspace").st_uid)';
    expect(await box.python(script)).toBe('True True True\n');
  });
});

describe('stdin', () => {
  it('reaches the program as it is', async () => {
    const stdin = 'first\nsecond without an end, 日本語 🚀 \u0000 \r\n\t';
    expect((await box.run('cat', [], { stdin })).result.stdout).toBe(stdin);
  });

  it('of 5 MB comes back byte for byte', async () => {
    const line = `${randomBytes(48).toString('base64')} – 🚀\n`;
    const stdin = line.repeat(Math.ceil(5_000_000 / Buffer.byteLength(line)));
    const streamed = box.stream('execute_shell', { commandName: 'cat', stdin });
    const { success, result } = await streamed.result;
    expect(success).toBe(true);
    expect(result).toMatchObject({ exitCode: 0, stdoutBytes: Buffer.byteLength(stdin), stderrBytes: 0 });
    expect(bytesOf(chunksOf(server.client, streamed.id), 'stdout').equals(Buffer.from(stdin))).toBe(true);
  });

  it('of 5 MB does not hold up a program that never reads it', async () => {
    const stdin = 'x'.repeat(5_000_000);
    expect(await box.run('true', [], { stdin })).toMatchObject({ success: true, result: { exitCode: 0 } });
    expect(await box.run('sh', ['-c', 'exec <&-; sleep 0.3; echo unread'], { stdin })).toMatchObject({
      success: true,
      result: { exitCode: 0, stdout: 'unread\n' },
    });
  });

  it('may be read in part', async () => {
    expect(await box.run('head', ['-c', '5'], { stdin: 'x'.repeat(5_000_000) })).toMatchObject({
      success: true,
      result: { exitCode: 0, stdout: 'xxxxx' },
    });
  });

  it('that is not given or empty is at its end at once', async () => {
    expect((await box.run('cat')).result).toMatchObject({ exitCode: 0, stdout: '' });
    expect((await box.run('cat', [], { stdin: '' })).result).toMatchObject({ exitCode: 0, stdout: '' });
    const script = 'import os, stat; s = os.fstat(0); print(repr(os.read(0, 10)))';
    expect(await box.python(script)).toBe("b''\n");
  });
});

describe('the result of a run', () => {
  it.each([0, 1, 3, 255])('is a success with exit code %i', async (exitCode) => {
    expect(await box.run('sh', ['-c', `exit ${exitCode}`])).toMatchObject({
      success: true,
      error: null,
      result: { exitCode, endReason: 'exited', signal: null },
    });
  });

  it('keeps stdout and stderr apart and counts their bytes', async () => {
    const { success, result } = await box.run('sh', ['-c', 'echo oût; echo error >&2; echo out2; printf %s end >&2']);
    expect(success).toBe(true);
    expect(result).toMatchObject({
      stdout: 'oût\nout2\n',
      stderr: 'error\nend',
      stdoutBytes: 10,
      stderrBytes: 9,
      truncated: false,
      exitCode: 0,
      signal: null,
      endReason: 'exited',
      leftoversKilled: 0,
    });
    expect(result).not.toHaveProperty('stdoutBase64');
    expect(result).not.toHaveProperty('stderrBase64');
    expect(result).not.toHaveProperty('kind');
  });

  it('measures CPU time, memory and duration', async () => {
    const script = `
import time
memory = b'x' * (100 * 1024 * 1024)
while time.process_time() < 0.3: pass
time.sleep(0.2)
`;
    const { result, durationMs } = await box.run('python3', ['-c', script]);
    expect(result.cpuMs).toBeGreaterThanOrEqual(250);
    expect(result.maxRssBytes).toBeGreaterThanOrEqual(100 * MIB);
    expect(result.durationMs).toBeGreaterThanOrEqual(450);
    expect(durationMs).toBeGreaterThanOrEqual(result.durationMs - 1);
    const idle = (await box.run('sleep', ['0.5'])).result;
    expect(idle.durationMs).toBeGreaterThanOrEqual(500);
    expect(idle.cpuMs).toBeLessThan(result.cpuMs);
    expect(idle.maxRssBytes).toBeLessThan(result.maxRssBytes);
  });

  it('counts the CPU time of what the program started', async () => {
    const burn = 'import time\nwhile time.process_time() < 0.3: pass';
    const { result } = await box.run('sh', ['-c', 'python3 -c "$1"; true', 'sh', burn]);
    expect(result.cpuMs).toBeGreaterThanOrEqual(250);
  });

  it('holds the first MiB of each stream and says that there was more, which is no failure', async () => {
    const script = 'import sys\nsys.stdout.write("o" * 3000000)\nsys.stderr.write("e" * 2000000)';
    const { success, error, result } = await box.run('python3', ['-c', script]);
    expect({ success, error }).toEqual({ success: true, error: null });
    expect(result).toMatchObject({ exitCode: 0, stdoutBytes: 3_000_000, stderrBytes: 2_000_000, truncated: true });
    expect(result.stdout).toBe('o'.repeat(KEPT));
    expect(result.stderr).toBe('e'.repeat(KEPT));
  });

  it('is not truncated at exactly a MiB, and is one byte later', async () => {
    const exact = (await box.run('head', ['-c', String(KEPT), '/dev/zero'])).result;
    expect(exact).toMatchObject({ stdoutBytes: KEPT, truncated: false });
    expect(exact.stdout).toHaveLength(KEPT);
    const more = (await box.run('head', ['-c', String(KEPT + 1), '/dev/zero'])).result;
    expect(more).toMatchObject({ stdoutBytes: KEPT + 1, truncated: true });
    expect(more.stdout).toHaveLength(KEPT);
  });

  it('cuts no character where it is truncated', async () => {
    const { result } = await box.run('python3', ['-c', 'print("€" * 400000, end="")']);
    expect(result).toMatchObject({ stdoutBytes: 1_200_000, truncated: true });
    expect(result.stdout).toBe('€'.repeat(Math.floor(KEPT / 3)));
    expect(result).not.toHaveProperty('stdoutBase64');
  });

  it('gives output that is not UTF-8 exactly, as base64', async () => {
    const script = 'import os\nos.write(1, bytes(range(256)))\nos.write(2, b"caf\\xe9")';
    const { success, result } = await box.run('python3', ['-c', script]);
    expect(success).toBe(true);
    expect(result).toMatchObject({
      stdoutBytes: 256,
      stderrBytes: 4,
      stdoutBase64: ALL_BYTES.toString('base64'),
      stderrBase64: Buffer.from('caf\xe9', 'latin1').toString('base64'),
      stderr: 'caf\ufffd',
      truncated: false,
    });
    expect(result.stdout.startsWith('\u0000\u0001\u0002')).toBe(true);
  });

  it('has output to the last byte, however quickly the program ends after it', async () => {
    const wanted = 'x'.repeat(200_000);
    for (let round = 0; round < 20; round++) {
      const { result } = await box.run('python3', ['-c', 'import os; os.write(1, b"x" * 200000); os._exit(0)']);
      expect(result.stdout).toBe(wanted);
    }
  });

  it('comes when the program has ended, not when it has closed its output', async () => {
    const { result } = await box.run('sh', ['-c', 'echo out; exec >&- 2>&-; sleep 0.5; exit 4']);
    expect(result).toMatchObject({ exitCode: 4, stdout: 'out\n', endReason: 'exited' });
    expect(result.durationMs).toBeGreaterThanOrEqual(500);
  });

  it('has what is written to and read from the standard streams by their names', async () => {
    const script = 'echo out > /dev/stdout; echo err > /dev/stderr; echo more | tee /dev/stderr; cat /dev/stdin';
    const { result } = await box.run('sh', ['-c', script], { stdin: 'from stdin' });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'out\nmore\nfrom stdin', stderr: 'err\nmore\n' });
  });

  it('tells each run by a processId of its own', async () => {
    const runs = await Promise.all([1, 2, 3].map(() => box.run('true')));
    expect(new Set(runs.map(({ result }) => result.processId)).size).toBe(3);
  });
});

describe('the end of a run', () => {
  it.each([
    ['kill -9 $$', 'SIGKILL'],
    ['kill -SEGV $$', 'SIGSEGV'],
    ['kill -TERM $$', 'SIGTERM'],
    ['kill -ABRT $$', 'SIGABRT'],
  ])('is signaled after %s', async (script, signal) => {
    expectEnd(await box.run('sh', ['-c', `echo before; ${script}; echo after`]), 'signaled', {
      signal,
      stdout: 'before\n',
    });
  });

  it('is exited, with 137, when a shell reports so of a child that was killed by another than the kernel', async () => {
    const reply = await box.run('sh', ['-c', `sh -c 'kill -9 $$'; exit $?`]);
    expect(reply).toMatchObject({ success: true, result: { endReason: 'exited', exitCode: 137, oomKills: 0 } });
  });

  it.each([
    ['the command', { timeoutMs: 1_000 }, {}],
    ['session.execute', {}, { timeoutMs: 1_000 }],
    ['the command rather than session.execute', { timeoutMs: 1_000 }, { timeoutMs: 60_000 }],
  ])('is timed_out after the time that %s gives, with the output until then', async (_who, own, more) => {
    const script = 'echo partial; echo problem >&2; sleep 999';
    const reply = await box.do('execute_shell', { commandName: 'sh', args: ['-c', script], ...own }, more);
    expectEnd(reply, 'timed_out', { stdout: 'partial\n', stderr: 'problem\n', truncated: false });
    expect(reply.result.durationMs).toBeGreaterThanOrEqual(1_000);
    expect(reply.error).toContain('1000');
  });

  it('is timed_out for a program that ignores every signal it can', async () => {
    const script = 'trap "" TERM INT HUP QUIT ALRM; echo deaf; while :; do sleep 999; done';
    const reply = await timedOutHaving('deaf', 500, (timeoutMs) => box.run('sh', ['-c', script], { timeoutMs }));
    expectEnd(reply, 'timed_out', { stdout: 'deaf\n' });
  });

  it('is timed_out for a program that has stopped itself', async () => {
    const reply = await timedOutHaving('still', 500, (timeoutMs) =>
      box.run('sh', ['-c', 'echo still; kill -STOP $$'], { timeoutMs }),
    );
    expectEnd(reply, 'timed_out', { stdout: 'still\n' });
  });

  it('is out_of_memory when the kernel killed the program for memory, and the session goes on', async () => {
    const session = await server.session({ memoryLimitMB: 64 });
    const reply = await session.run('python3', ['-c', `print("touching", flush=True)\n${HUNGRY}`]);
    expectEnd(reply, 'out_of_memory', { stdout: 'touching\n' });
    expect(reply.result.oomKills).toBeGreaterThanOrEqual(1);
    expect(await session.run('echo', ['alive'])).toMatchObject({
      success: true,
      result: { stdout: 'alive\n', oomKills: 0 },
    });
  });

  it('is out_of_memory when a shell reports so of its child', async () => {
    const session = await server.session({ memoryLimitMB: 64 });
    const reply = await session.run('sh', ['-c', 'echo before; python3 -c "$1"; exit $?', 'sh', HUNGRY]);
    expect(reply).toMatchObject({ success: false, errorCode: 'out_of_memory' });
    expect(reply.result).toMatchObject({ endReason: 'out_of_memory', stdout: 'before\n' });
    expect(reply.result.oomKills).toBeGreaterThanOrEqual(1);
  });

  it('is exited when the program went on without a child that memory took, and the result tells of it', async () => {
    const session = await server.session({ memoryLimitMB: 64 });
    const reply = await session.run('sh', ['-c', 'python3 -c "$1"; echo went on', 'sh', HUNGRY]);
    expect(reply).toMatchObject({ success: true, result: { endReason: 'exited', exitCode: 0, stdout: 'went on\n' } });
    expect(reply.result.oomKills).toBeGreaterThanOrEqual(1);
  });

  it('is signaled for a SIGKILL of its own, also after another run died of memory', async () => {
    const session = await server.session({ memoryLimitMB: 64 });
    expectEnd(await session.run('python3', ['-c', HUNGRY]), 'out_of_memory');
    expectEnd(await session.run('sh', ['-c', 'kill -9 $$']), 'signaled', { signal: 'SIGKILL', oomKills: 0 });
  });

  it('is output_limit when the program writes too much, whether anybody reads it or not', async () => {
    const quiet = await box.run('yes');
    expectEnd(quiet, 'output_limit', { truncated: true });
    expect(quiet.result.stdoutBytes).toBeGreaterThan(OUTPUT_LIMIT);
    expect(quiet.result.stdout).toBe('y\n'.repeat(KEPT / 2));
    const streamed = box.stream('execute_shell', { commandName: 'sh', args: ['-c', 'yes >&2'] });
    expectEnd(await streamed.result, 'output_limit', { stdoutBytes: 0 });
    expect(bytesOf(chunksOf(server.client, streamed.id), 'stderr').length).toBeGreaterThanOrEqual(OUTPUT_LIMIT);
  });

  it('is output_limit for both streams together', async () => {
    const half = OUTPUT_LIMIT / 2;
    const script = `import os\nfor fd in (1, 2):\n  for _ in range(${half / 65_536}): os.write(fd, b"x" * 65536)\n`;
    expect(await box.run('python3', ['-c', script])).toMatchObject({ success: true, result: { exitCode: 0 } });
    expectEnd(
      await box.run('python3', ['-c', `${script}os.write(1, b"xx")\nimport time; time.sleep(999)`]),
      'output_limit',
    );
  });

  describe('that never began is spawn_failed', () => {
    beforeAll(async () => {
      await box.ok('write_file', { path: 'spawn/plain', content: '#!/bin/sh\necho never\n' });
      await box.ok('write_file', { path: 'spawn/garbage', content: '\u0001\u0002 no program\n' });
      await box.ok('write_file', { path: 'spawn/orphan', content: '#!/no/such/interpreter\n' });
      await box.sh(
        'chmod 644 spawn/plain && chmod 755 spawn/garbage spawn/orphan && mkdir spawn/dir spawn/closed && chmod 0 spawn/closed',
      );
    });

    const refused = ['permission_denied', 'not_executable'];
    it.each([
      ['a program that is nowhere in PATH', { commandName: 'no-such-program' }, ['not_found']],
      ['a path that leads nowhere', { commandName: '/no/such/program' }, ['not_found']],
      ['a directory', { commandName: '/workspace/spawn/dir' }, refused],
      ['a file that is not executable', { commandName: '/workspace/spawn/plain' }, refused],
      ['a file that is no program', { commandName: '/workspace/spawn/garbage' }, ['not_executable']],
      ['a script without its interpreter', { commandName: '/workspace/spawn/orphan' }, ['not_found']],
      ['a working directory that is missing', { commandName: 'true', workingDirectory: '/nowhere' }, ['bad_cwd']],
      ['a working directory that is a file', { commandName: 'true', workingDirectory: 'spawn/plain' }, ['bad_cwd']],
      ['a working directory that is closed', { commandName: 'true', workingDirectory: 'spawn/closed' }, ['bad_cwd']],
      ['a working directory of the root user', { commandName: 'true', workingDirectory: '/root' }, ['bad_cwd']],
      ['an argument that is too long', { commandName: 'true', args: ['x'.repeat(200_000)] }, ['args_too_long']],
      [
        'arguments that are too long together',
        { commandName: 'true', args: Array.from({ length: 5_000 }, () => 'x'.repeat(1_000)) },
        ['args_too_long'],
      ],
      ['an environment that is too long', { commandName: 'true', env: { A: 'x'.repeat(200_000) } }, ['args_too_long']],
    ])('for %s', async (_what, fields, kinds) => {
      const reply = await box.do('execute_shell', fields);
      expectEnd(reply, 'spawn_failed', { stdout: '', stderr: '', signal: null, stdoutBytes: 0 });
      expect(kinds).toContain(reply.result.kind);
    });
  });

  it('is killed when the session is closed meanwhile, with the output until then', async () => {
    const session = await server.session();
    const run = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo partial; sleep 999'] });
    await written(server.client, run.id, 'partial\n');
    const closed = session.close();
    expectEnd(await run.result, 'killed', { stdout: 'partial\n' });
    expect(await closed).toEqual({ sessionId: session.id, closed: true });
    await expect(docker().getContainer(session.containerId).inspect()).rejects.toMatchObject({ statusCode: 404 });
  });

  it('is killed for every run of a session that is closed', async () => {
    const session = await server.session();
    const runs = Array.from({ length: 5 }, (_, index) =>
      session.stream('execute_shell', { commandName: 'sh', args: ['-c', `echo run ${index}; sleep 999`] }),
    );
    await Promise.all(runs.map(({ id }, index) => written(server.client, id, `run ${index}\n`)));
    const closed = session.close();
    for (const [index, { result }] of runs.entries()) expectEnd(await result, 'killed', { stdout: `run ${index}\n` });
    expect(await closed).toMatchObject({ closed: true });
  });

  it('is container_lost when the container dies under it, and the session has ended so', async () => {
    const session = await server.session();
    const run = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo partial; sleep 999'] });
    await written(server.client, run.id, 'partial\n');
    await docker().getContainer(session.containerId).kill();
    expectEnd(await run.result, 'container_lost', { stdout: 'partial\n' });
    for (const [method, params] of [
      ['session.execute', { command: { type: 'execute_shell', commandName: 'true' } }],
      ['session.get', {}],
      ['session.close', {}],
    ] as const) {
      expect(await server.client.refusal(method, { sessionId: session.id, ...params })).toMatchObject({
        code: -32002,
        data: { reason: 'session_ended', endReason: 'container_lost' },
      });
    }
    const { sessions } = await server.client.call('session.list');
    expect(sessions.map(({ sessionId }: any) => sessionId)).not.toContain(session.id);
  });

  it('is what a whole execute_code says, too', async () => {
    expectEnd(
      await box.do('execute_code', { code: 'import os; print("partial", flush=True); os.kill(os.getpid(), 9)' }),
      'signaled',
      {
        signal: 'SIGKILL',
        stdout: 'partial\n',
      },
    );
    const code = 'import time; print("partial", flush=True); time.sleep(999)';
    const late = await timedOutHaving('partial', 700, (timeoutMs) => box.do('execute_code', { code, timeoutMs }));
    expectEnd(late, 'timed_out', { stdout: 'partial\n' });
    expectEnd(await box.do('execute_code', { code: 'while True: print("y" * 1000)' }), 'output_limit');
  });

  it('cannot be put off beyond the limit of the server', async () => {
    expect(
      await server.client.refusal('session.execute', {
        sessionId: box.id,
        command: { type: 'execute_shell', commandName: 'true', timeoutMs: 3_600_001 },
      }),
    ).toMatchObject({ code: -32006, data: { reason: 'quota_exceeded', quota: 'timeoutMs', limit: 3_600_000 } });
  });
});

describe('a run that is not well-formed', () => {
  it.each([
    ['no program', {}],
    ['an empty program', { commandName: '' }],
    ['a program with NUL', { commandName: 'a\0b' }],
    ['arguments that are no list', { commandName: 'true', args: 'a' }],
    ['an argument that is no text', { commandName: 'true', args: [1] }],
    ['an argument with NUL', { commandName: 'true', args: ['a\0b'] }],
    ['10,001 arguments', { commandName: 'true', args: Array.from({ length: 10_001 }, () => '') }],
    ['an environment that is a list', { commandName: 'true', env: ['A=b'] }],
    ['an environment of numbers', { commandName: 'true', env: { A: 1 } }],
    ['a name with = in the environment', { commandName: 'true', env: { 'A=B': '' } }],
    ['stdin that is no text', { commandName: 'true', stdin: 5 }],
    ['a timeoutMs of 0', { commandName: 'true', timeoutMs: 0 }],
    ['a timeoutMs that is no number', { commandName: 'true', timeoutMs: '1000' }],
    ['an unknown field', { commandName: 'true', shell: true }],
    ['both names of the program', { commandName: 'true', command: 'true' }],
  ])('because of %s is refused, naming the field', async (_what, fields) => {
    const { code, data } = await server.client.refusal('session.execute', {
      sessionId: box.id,
      command: { type: 'execute_shell', ...fields },
    });
    expect(code).toBe(-32602);
    expect(data['violations'][0]).toMatchObject({ field: expect.stringMatching(/^command\.\w+$/) });
  });
});

describe('nothing outlives its command', () => {
  it('at a timeout: what ran away in a session of its own dies too, and another command goes on', async () => {
    const session = await withFifo();
    const other = session.stream('execute_shell', {
      commandName: 'sh',
      args: ['-c', `echo other; ${WAIT}; sleep 0.1; echo done`],
    });
    await written(server.client, other.id, 'other\n');
    const asked = performance.now();
    const reply = await session.run('sh', ['-c', '(setsid sleep 999 &); sleep 999'], { timeoutMs: 1_000 });
    const took = Math.round(performance.now() - asked);
    expectEnd(reply, 'timed_out');
    const left = await session.programs();
    expect(left.filter((args) => args.includes('sleep 999'))).toEqual([]);
    expect(left).toContain(WAIT);
    await session.sh('echo go > fifo');
    expect(await other.result).toMatchObject({ success: true, result: { exitCode: 0, stdout: 'other\ngo\ndone\n' } });
    console.log(`a timeout of 1,000 ms was answered after ${took} ms (wanted: 1,500)`);
    expect(took).toBeLessThan(AT_ONCE_MS);
  });

  it('at its end: background children are killed and counted, and do not hold it up', async () => {
    const session = await server.session();
    const asked = performance.now();
    const reply = await session.run('sh', ['-c', 'sleep 998 & sleep 997 & echo out']);
    expect(reply).toMatchObject({
      success: true,
      result: { exitCode: 0, stdout: 'out\n', endReason: 'exited', leftoversKilled: 2 },
    });
    expect(performance.now() - asked).toBeLessThan(60_000);
    expect(await session.programs()).toEqual([]);
  });

  it('at its end: a daemon that forked twice, with a session, an environment and descriptors of its own', async () => {
    const session = await server.session();
    const script = `
import os
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir('/')
        for fd in (0, 1, 2):
            os.close(fd)
            os.open('/dev/null', os.O_RDWR)
        os.execve('/bin/sleep', ['sleep', '996'], {})
    os._exit(0)
os.close(writer)
os.read(reader, 1)
print('the daemon runs')
`;
    const reply = await session.run('python3', ['-c', script]);
    expect(reply).toMatchObject({ success: true, result: { stdout: 'the daemon runs\n', leftoversKilled: 1 } });
    expect(await session.programs()).toEqual([]);
  });

  it('at a timeout: the same daemon, and all that it goes on to start', async () => {
    const session = await server.session();
    const script = `
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            if os.fork() == 0:
                os.setsid()
                os.execve('/bin/sleep', ['sleep', '995'], {})
            time.sleep(0.05)
    os._exit(0)
time.sleep(999)
`;
    expectEnd(await session.run('python3', ['-c', script], { timeoutMs: 1_000 }), 'timed_out');
    expect(await session.programs()).toEqual([]);
  });

  it('when its session goes on: no zombie stays behind either', async () => {
    const session = await server.session();
    await session.sh('for i in 1 2 3 4 5 6 7 8 9; do (sleep 0.01 &) ; (setsid true &) ; done');
    await session.sh('true');
    expect(await session.processes()).toEqual([]);
  });
});

describe('the commands of one session run side by side', () => {
  it('two programs that wait for each other find each other', async () => {
    const session = await server.session();
    await session.sh('mkfifo left right');
    const [one, two] = await Promise.all([
      session.sh('echo from one > left; cat right'),
      session.sh('cat left; echo from two > right'),
    ]);
    expect([one, two]).toEqual(['from two\n', 'from one\n']);
  });

  it('thirty at once answer each its own', async () => {
    const words = Array.from({ length: 30 }, (_, index) => `word ${index}`);
    const replies = await Promise.all(words.map((word) => box.run('echo', [word])));
    expect(replies.map(({ result }) => result.stdout)).toEqual(words.map((word) => `${word}\n`));
  });
});
