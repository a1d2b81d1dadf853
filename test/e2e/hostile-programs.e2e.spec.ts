import { beforeAll, describe, expect, it } from 'vitest';

import { settled } from '../support/answers.js';
import { useBystander } from '../support/bystander.js';
import { eventually } from '../support/eventually.js';
import { useServer } from '../support/server-under-test.js';
import { bytesOf, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;

const server = useServer({ OUTPUT_LIMIT_BYTES: String(64 * MIB) });
const bystander = useBystander(server);

describe('a program', () => {
  let session: TestSession;
  beforeAll(async () => {
    session = await server.session();
  });

  it('that is given 10,000 arguments gets them all', async () => {
    const args = Array.from({ length: 9_999 }, (_, n) => String(n));
    expect(
      await session.ok('execute_shell', { commandName: 'sh', args: ['-c', 'echo $#', ...args.slice(1)] }),
    ).toMatchObject({
      exitCode: 0,
      stdout: '9997\n',
    });
  });

  it.each([
    { what: 'one argument of 200 KB', args: ['x'.repeat(200_000)] },
    { what: 'one argument of 4 MB', args: ['x'.repeat(4_000_000)] },
    { what: 'many arguments of 4 MB together', args: Array.from({ length: 100 }, () => 'x'.repeat(40_000)) },
  ])('that is given $what is told that it is too much', async ({ args }) => {
    const outcome = await settled(session.run('true', args));
    if (outcome.code !== undefined) expect([-32602, -32006]).toContain(outcome.code);
    else {
      expect(outcome).toMatchObject({ success: false, error: expect.stringMatching(/argument|long|large|limit/i) });
      expect(outcome.errorCode).toMatch(/^(spawn_failed|args_too_long|too_large)$/);
    }
  });

  it('that is given an environment of 4 MB is told that it is too much', async () => {
    const outcome = await settled(session.run('true', [], { env: { BIG: 'x'.repeat(4_000_000) } }));
    if (outcome.code !== undefined) expect([-32602, -32006]).toContain(outcome.code);
    else
      expect(outcome).toMatchObject({
        success: false,
        errorCode: expect.stringMatching(/^(spawn_failed|args_too_long|too_large)$/),
      });
  });

  it('that is given megabytes to read reads them', async () => {
    const stdin = 'x'.repeat(12 * MIB);
    expect(await session.ok('execute_shell', { commandName: 'wc', args: ['-c'], stdin })).toMatchObject({
      stdout: `${stdin.length}\n`,
    });
    expect(await session.ok('execute_shell', { commandName: 'true', stdin })).toMatchObject({ exitCode: 0 });
  });
});

describe('a hostile program', () => {
  /** In a session of its own, where afterwards a command must work as before. */
  async function attack(command: object): Promise<any> {
    const session = await server.session({ memoryLimitMB: 128, pidsLimit: 64 });
    const during = session.do('execute_shell', { timeoutMs: 60_000, ...command });
    expect(await bystander.session.python('print(1 + 1)')).toBe('2\n');
    const reply = await during;
    expect(await session.python('print(6 * 7)')).toBe('42\n');
    expect(await session.programs()).toEqual([]);
    await session.close();
    return reply;
  }

  it.each([
    { what: 'ends', script: 'exit 3', endReason: 'exited' },
    { what: 'is killed at a limit', script: 'printf %9999s x; wait', endReason: 'output_limit' },
  ])('that leaves a crowd behind and $what is told how many there were', async ({ script, endReason }) => {
    const session = await server.session();
    const crowd = `for i in $(seq 100); do sleep 300 & done; ${script}`;
    const reply = await session.run('sh', ['-c', crowd], { timeoutMs: 60_000, outputLimitBytes: 1_000 });
    expect(reply.result).toMatchObject({ endReason, leftoversKilled: 100 });
    expect(await session.programs()).toEqual([]);
    await session.close();
  });

  it('that forks without end, as often as a session may, is gone with its time limit', async () => {
    const session = await server.session({ memoryLimitMB: 1_024, pidsLimit: 2_000 });
    const reply = await session.run('bash', ['-c', ':(){ :|:& };:; sleep 100'], { timeoutMs: 1_000 });
    expect(reply.result).toMatchObject({ endReason: 'timed_out', limitsHit: expect.arrayContaining(['wall_time']) });
    expect(await session.programs()).toEqual([]);
    expect(await session.python('print(6 * 7)')).toBe('42\n');
    await session.close();
  });

  it('that kills everything it may ends itself and neither the agent nor anybody else', async () => {
    const session = await server.session();
    const other = session.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] });
    await written(server.client, other.id, 'up');
    const reply = await session.run('sh', ['-c', 'kill -9 -1; echo survived']);
    expect(['exited', 'signaled']).toContain(reply.result.endReason);
    // The other was the same user's.
    expect(await other.result).toMatchObject({
      success: false,
      errorCode: 'signaled',
      result: { signal: 'SIGKILL', stdout: 'up\n' },
    });
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });

  it('can neither signal nor trace nor read nor change the agent', async () => {
    const code = `
import ctypes, os, signal
def tried(name, attempt):
    try:
        attempt()
        print('DONE', name)
    except (PermissionError, FileNotFoundError, ProcessLookupError, OSError) as error:
        print('refused', name, error.errno)
libc = ctypes.CDLL(None, use_errno=True)
def trace():
    if libc.ptrace(16, 1, None, None) != 0:
        raise OSError(ctypes.get_errno(), 'ptrace')
for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGUSR1, signal.SIGQUIT):
    tried(f'signal {number}', lambda: os.kill(1, number))
tried('ptrace', trace)
for name in ('mem', 'environ', 'maps', 'auxv', 'stack', 'syscall', 'pagemap'):
    tried(f'read {name}', lambda: open(f'/proc/1/{name}', 'rb').read(16))
for name in ('fd', 'task/1/fd', 'map_files'):
    tried(f'list {name}', lambda: os.listdir(f'/proc/1/{name}'))
for name in ('mem', 'fd/0', 'fd/1', 'fd/2', 'oom_score_adj', 'coredump_filter', 'clear_refs', 'comm'):
    tried(f'write {name}', lambda: open(f'/proc/1/{name}', 'wb').write(b'0'))
tried('root', lambda: os.listdir('/proc/1/root'))
tried('cwd', lambda: os.chdir('/proc/1/cwd'))
tried('agent', lambda: open('/codebeaker/agent', 'r+b'))
tried('unlink agent', lambda: os.unlink('/codebeaker/agent'))
tried('setuid', lambda: os.setuid(0))
tried('setgroups', lambda: os.setgroups([]))
tried('priority', lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
`;
    const reply = await attack({ commandName: 'python3', args: ['-c', code] });
    expect(reply.success).toBe(true);
    const lines: string[] = reply.result.stdout.trim().split('\n');
    expect(lines.length).toBeGreaterThan(25);
    expect(lines.filter((line) => !line.startsWith('refused'))).toEqual([]);
  });

  it('that prints frames of the agent’s protocol has printed bytes, and that is all', async () => {
    const code = `
import json, struct, sys
def frame(id, type, head, payload=b'', flags=1):
    head = json.dumps(head).encode()
    body = struct.pack('<IIBBH', id, len(head), type, flags, 0) + head + payload + b'CB.\\n'
    return struct.pack('<I', len(body)) + body
end = {'endReason': 'exited', 'exitCode': 0, 'signal': None, 'stdoutBytes': 5, 'stderrBytes': 0, 'truncated': False}
forged = b'\\0CODEBEAKER-AGT\\n' + b'0' * 32 + frame(0, 1, {'protocol': 1, 'agent': 'forged'})
forged += b'\\0' * 262144
for id in range(64):
    forged += frame(id, 3, end) + frame(id, 4, {}, b'fake', 1) + frame(id, 5, {}, struct.pack('<I', 0))
forged += b'\\xff\\xff\\xff\\x7f'
for stream in (sys.stdout.buffer, sys.stderr.buffer):
    stream.write(forged)
    stream.flush()
sys.exit(9)
`;
    const session = await server.session();
    const streamed = session.stream('execute_shell', { commandName: 'python3', args: ['-c', code] });
    const { result, success } = await streamed.result;
    expect(success).toBe(true);
    expect(result).toMatchObject({ exitCode: 9, endReason: 'exited', truncated: false });
    expect(result.stdoutBytes).toBe(result.stderrBytes);
    expect(result.stdoutBytes).toBeGreaterThan(262_144);
    const chunks = chunksOf(server.client, streamed.id);
    for (const stream of ['stdout', 'stderr'] as const) {
      const bytes = bytesOf(chunks, stream);
      expect(bytes.length).toBe(result.stdoutBytes);
      expect(bytes.subarray(1, 15).toString()).toBe('CODEBEAKER-AGT');
    }
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });

  it('that writes without end to a client that does not read costs nobody else anything', async () => {
    const session = await server.session();
    const client = await server.api.connect();
    const flood = client.send('session.execute', {
      sessionId: session.id,
      command: { type: 'execute_shell', commandName: 'cat', args: ['/dev/zero'], timeoutMs: 600_000 },
      stream: true,
    });
    const outcome = settled(flood.result);
    await client.until(() => chunksOf(client, flood.id).length > 0);
    client.socket.pause();
    const before = process.memoryUsage().rss;
    for (let n = 0; n < 50; n++) expect(await bystander.session.python('print(1 + 1)')).toBe('2\n');
    expect(await session.state()).toBe('Active');
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB);
    client.socket.terminate();
    expect((await outcome).message).toBe('the socket closed');
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'the flood has ended',
    );
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle',
    );
    expect(await session.sh('echo fine')).toBe('fine\n');
    await session.close();
  });
});
