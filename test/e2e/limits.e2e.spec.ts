import { describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';
import { timedOutHaving } from '../support/timed-out.js';

const MIB = 1_048_576;
const OUTPUT_LIMIT = 2 * MIB;
/** What the agent's own threads may take of the pids limit, which is raised by it. */
const AGENT_PIDS = 48;

const server = useServer({ OUTPUT_LIMIT_BYTES: String(OUTPUT_LIMIT) });
const tmpfsServer = useServer({ DISK_LIMIT: 'tmpfs' });

/** A run that a limit ended: its reason, the limit's name, and what it had written. */
function expectKilled(reply: any, endReason: string, limit: string, result: object = {}): void {
  expect(reply).toMatchObject({
    success: false,
    errorCode: endReason,
    error: expect.stringMatching(/^[A-Z].*\.$/),
    result: { endReason, exitCode: null, limitsHit: [limit], ...result },
  });
}

/** A program that was refused something, and ended by itself. */
function expectExited(reply: any, limitsHit: string[], result: object = {}): void {
  expect(reply).toMatchObject({ success: true, result: { endReason: 'exited', exitCode: 0, limitsHit, ...result } });
}

/** The next command meets no limit. */
async function expectUsable(session: TestSession): Promise<void> {
  expectExited(await session.run('echo', ['usable']), [], { stdout: 'usable\n' });
}

describe('memory', () => {
  const small = { memoryLimitMB: 64, diskLimitMB: 16, tmpLimitMB: 1 };
  const hungry = 'print("hungry", flush=True)\nmemory = []\nwhile True: memory.append(b"x" * (8 * 1024 * 1024))';

  it('ends the program that the kernel took for it', async () => {
    const session = await server.session(small);
    expectKilled(await session.run('python3', ['-c', hungry]), 'out_of_memory', 'memory', { stdout: 'hungry\n' });
    await expectUsable(session);
  });

  it('is named, too, where only a child of the program was taken', async () => {
    const session = await server.session(small);
    const reply = await session.run('sh', ['-c', 'python3 -c "$1"; echo went on', 'sh', hungry]);
    expectExited(reply, ['memory'], { stdout: 'hungry\nwent on\n' });
    await expectUsable(session);
  });
});

describe('pids', () => {
  const limits = { pidsLimit: 20 };
  /** Starts children until there can be no more, and tells how many and why. */
  const forking = `
import os, signal, sys
children = 0
try:
    while True:
        if os.fork() == 0: signal.pause()
        children += 1
except OSError as error:
    print(children, error.errno, flush=True)
`;
  const EAGAIN = 11;

  it('refuses a program more processes, and names the limit though the program goes on', async () => {
    const session = await server.session(limits);
    const reply = await session.run('python3', ['-c', forking]);
    expectExited(reply, ['pids']);
    const [children, errno] = reply.result.stdout.split(' ').map(Number);
    expect(errno).toBe(EAGAIN);
    expect(children).toBeGreaterThanOrEqual(limits.pidsLimit - 1);
    expect(children).toBeLessThanOrEqual(limits.pidsLimit + AGENT_PIDS);
    expect(reply.result.leftoversKilled).toBe(children);
    await expectUsable(session);
  });

  it('counts threads', async () => {
    const session = await server.session(limits);
    const script = `
import threading
stop, threads = threading.Event(), 0
try:
    while True:
        threading.Thread(target=stop.wait).start()
        threads += 1
except RuntimeError as error:
    print(error)
stop.set()
`;
    expectExited(await session.run('python3', ['-c', script]), ['pids'], {
      stdout: expect.stringContaining("can't start new thread"),
    });
    await expectUsable(session);
  });

  it('is why a program cannot be started, and is then named with that', async () => {
    const session = await server.session(limits);
    await session.sh('mkfifo fifo');
    const full = session.stream('execute_shell', {
      commandName: 'python3',
      args: ['-c', `${forking}sys.stdout.write(open("fifo").read())`],
    });
    await written(server.client, full.id, ` ${EAGAIN}\n`);
    expectKilled(await session.run('true'), 'spawn_failed', 'pids', { kind: 'resource_limit' });
    server.client.notify('$/cancelRequest', { id: full.id });
    await expect(full.result).rejects.toMatchObject({ code: -32800 });
    await expectUsable(session);
  });

  it('is counted for the session: a command beside the one that met it has it named too', async () => {
    const session = await server.session(limits);
    await session.sh('mkfifo fifo');
    const beside = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo waits; cat fifo'] });
    await written(server.client, beside.id, 'waits\n');
    expectExited(await session.run('python3', ['-c', forking]), ['pids']);
    await session.sh('echo done > fifo');
    expectExited(await beside.result, ['pids'], { stdout: 'waits\ndone\n' });
  });
});

describe('CPU time', () => {
  const burning = 'print("burning", flush=True)\nwhile True: pass';

  it('ends a program that has used up what it was given', async () => {
    const session = await server.session();
    const reply = await session.run('python3', ['-c', burning], { cpuTimeMs: 300 });
    expectKilled(reply, 'cpu_exceeded', 'cpu_time', { stdout: 'burning\n' });
    expect(reply.result.cpuMs).toBeGreaterThanOrEqual(290);
    expect(reply.error).toContain('300 ms');
    await expectUsable(session);
  });

  it('is that of all its processes together', async () => {
    const session = await server.session();
    const script = `for i in 1 2 3; do python3 -c '${burning}' & done; wait`;
    expectKilled(await session.run('sh', ['-c', script], { cpuTimeMs: 600 }), 'cpu_exceeded', 'cpu_time');
    expect(await session.programs()).toEqual([]);
  });

  it('does not pass while a program waits', async () => {
    const session = await server.session();
    expectExited(await session.run('sleep', ['1'], { cpuTimeMs: 500 }), []);
  });

  it('bounds code as well', async () => {
    const session = await server.session();
    const reply = await session.do('execute_code', { code: burning, cpuTimeMs: 300 });
    expectKilled(reply, 'cpu_exceeded', 'cpu_time', { stdout: 'burning\n' });
  });
});

describe('wall time', () => {
  it('ends a program that does nothing for too long', async () => {
    const session = await server.session();
    const reply = await timedOutHaving('waiting', 500, (timeoutMs) =>
      session.run('sh', ['-c', 'echo waiting; sleep 999'], { timeoutMs }),
    );
    expectKilled(reply, 'timed_out', 'wall_time', { stdout: 'waiting\n' });
    await expectUsable(session);
  });
});

describe('output', () => {
  it('ends a program that writes more than the server lets any', async () => {
    const session = await server.session();
    const reply = await session.run('yes');
    expectKilled(reply, 'output_limit', 'output', { truncated: true });
    expect(reply.result.stdout.startsWith('y\ny\n')).toBe(true);
    await expectUsable(session);
  });

  it('can be bounded more closely for one run, to the byte', async () => {
    const session = await server.session();
    const write = (bytes: number) => session.run('head', ['-c', `${bytes}`, '/dev/zero'], { outputLimitBytes: 1_000 });
    expectExited(await write(1_000), [], { stdoutBytes: 1_000 });
    const reply = await session.run('sh', ['-c', 'head -c 1001 /dev/zero; sleep 999'], { outputLimitBytes: 1_000 });
    expectKilled(reply, 'output_limit', 'output', { stdoutBytes: 1_001 });
    expect(reply.result.stdout).toHaveLength(1_000);
  });

  it('cannot be bounded beyond what the server gives', async () => {
    const session = await server.session();
    const command = { type: 'execute_shell', commandName: 'true', outputLimitBytes: OUTPUT_LIMIT + 1 };
    expect(await server.client.refusal('session.execute', { sessionId: session.id, command })).toMatchObject({
      data: { reason: 'quota_exceeded', quota: 'outputLimitBytes', limit: OUTPUT_LIMIT },
    });
  });
});

describe('open files', () => {
  it('are as many as the session was given, and the program itself hears of it', async () => {
    const session = await server.session({ openFilesLimit: 64 });
    const script = `
import os, resource
try:
    while True: last = os.open('/dev/null', os.O_RDONLY)
except OSError as error:
    print(last, error.errno)
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4097))
except ValueError as error:
    print(error)
`;
    const EMFILE = 24;
    expectExited(await session.run('python3', ['-c', script]), [], {
      stdout: `63 ${EMFILE}\nnot allowed to raise maximum limit\n`,
    });
    // The agent has more for itself.
    const words = Array.from({ length: 8 }, (_, index) => `${index}`);
    const replies = await Promise.all(words.map((word) => session.run('echo', [word])));
    expect(replies.map(({ result }) => result.stdout)).toEqual(words.map((word) => `${word}\n`));
  });

  it('are 1,024 otherwise', async () => {
    const session = await server.session();
    expect(await session.sh('ulimit -n; ulimit -Hn')).toBe('1024\n4096\n');
  });
});

describe.each([
  ['as the host can', () => server],
  ['in memory', () => tmpfsServer],
])('the disk, %s,', (_how, serverOf) => {
  const small = { diskLimitMB: 8, tmpLimitMB: 4 };
  /** Writes pieces of so many bytes to a file until it cannot, and tells how many bytes went in and why no more. */
  const filling = `
import os, sys
fd, size, total = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), int(sys.argv[2]), 0
try:
    while True: total += os.write(fd, b'x' * size)
except OSError as error:
    print(total, error.errno)
`;
  const ENOSPC = 28;

  async function fill(session: TestSession, path: string, pieceBytes = MIB): Promise<any> {
    const reply = await session.run('python3', ['-c', filling, path, `${pieceBytes}`]);
    expectExited(reply, ['disk'], { fullDisks: [path.slice(0, path.lastIndexOf('/'))] });
    expect(reply.result.stdout).toMatch(new RegExp(`^\\d+ ${ENOSPC}\\n$`));
    return Number(reply.result.stdout.split(' ')[0]);
  }

  it('is named in the config, with all other limits', async () => {
    const limits = { memoryLimitMB: 128, cpuLimit: 0.5, pidsLimit: 30, openFilesLimit: 100, ...small };
    const session = await serverOf().session(limits);
    const kind = serverOf() === tmpfsServer ? 'tmpfs' : expect.stringMatching(/^(loop-ext4|tmpfs)$/);
    const config = { ...limits, diskLimitKind: kind, tmpLimitKind: 'tmpfs' };
    expect((await session.client.call('session.get', { sessionId: session.id })).config).toMatchObject(config);
  });

  it.each([1_000, 65_536, 3 * MIB])('holds what it was given, written in pieces of %i bytes', async (pieceBytes) => {
    const session = await serverOf().session({ ...small, diskLimitMB: 16 });
    const bytes = await fill(session, '/workspace/full', pieceBytes);
    expect(bytes).toBeGreaterThan(15 * MIB);
    expect(bytes).toBeLessThanOrEqual(16 * MIB);
  });

  it('when it is full refuses files, says so, and is usable again when something is deleted', async () => {
    const session = await serverOf().session(small);
    await fill(session, '/workspace/full');
    expect(await session.do('write_file', { path: 'more', content: 'x'.repeat(10_000) })).toMatchObject({
      success: false,
      errorCode: 'no_space',
    });
    // Whether anything was written to what was full before, nobody can tell.
    expectExited(await session.run('true'), [], { fullDisks: ['/workspace'] });
    await session.ok('delete_file', { path: 'full' });
    const reply = await session.run('echo', ['usable']);
    expectExited(reply, [], { stdout: 'usable\n' });
    expect(reply.result).not.toHaveProperty('fullDisks');
    await session.ok('write_file', { path: 'more', content: 'x'.repeat(10_000) });
  });

  it('is full, too, when it can hold no more files', async () => {
    const session = await serverOf().session(small);
    const script = `
import os
files = 0
try:
    while True:
        os.close(os.open(f'file{files}', os.O_CREAT | os.O_WRONLY))
        files += 1
except OSError as error:
    print(files, error.errno)
`;
    const reply = await session.run('python3', ['-c', script]);
    expectExited(reply, ['disk'], { fullDisks: ['/workspace'] });
    const [files, errno] = reply.result.stdout.split(' ').map(Number);
    expect(errno).toBe(ENOSPC);
    expect(files).toBeGreaterThan(900);
    expect(files).toBeLessThanOrEqual((small.diskLimitMB * MIB) / 8_192);
  });

  it('of /tmp is another one, which takes nothing of the program’s memory', async () => {
    const session = await serverOf().session({ memoryLimitMB: 48, diskLimitMB: 8, tmpLimitMB: 64 });
    expect(await fill(session, '/tmp/full')).toBe(64 * MIB);
    await session.ok('write_file', { path: 'workspace-has-room', content: 'x' });
    const reply = await session.run('python3', ['-c', `memory = bytearray(32 * ${MIB}); print(len(memory))`]);
    expectExited(reply, [], { stdout: `${32 * MIB}\n`, fullDisks: ['/tmp'] });
    expect(await session.do('execute_code', { code: 'print(1)' })).toMatchObject({ success: true });
    await session.sh('rm /tmp/full');
    await expectUsable(session);
  });

  it('of /dev/shm is a third one', async () => {
    const session = await serverOf().session({ memoryLimitMB: 128, ...small });
    expect(await fill(session, '/dev/shm/full')).toBe(64 * MIB);
    const script = 'import os\nfor path in ("/tmp", "/dev/shm"): print(os.statvfs(path).f_files)';
    expect(await session.python(script)).toBe('1024\n8192\n');
    await session.sh('rm /dev/shm/full');
    await expectUsable(session);
  });
});
