import { createHash, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import type { RpcClient } from '../support/rpc-client.js';
import { useServer } from '../support/server-under-test.js';
import { bytesOf, type Chunk, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;

const server = useServer();
let box: TestSession;

beforeAll(async () => {
  box = await server.session();
});

/** Streams a Python program to its end. */
async function streamed(code: string, session = box): Promise<{ reply: any; chunks: Chunk[] }> {
  const sent = session.stream('execute_shell', {
    commandName: 'python3',
    args: ['-u', '-c', code],
    timeoutMs: 100_000,
  });
  const reply = await sent.result;
  return { reply, chunks: chunksOf(session.client, sent.id) };
}

/** In order, without gaps, of one process, and never text that was cut. */
function expectSound(chunks: readonly Chunk[], reply: any, session = box): void {
  expect(chunks.map(({ seq }) => seq)).toEqual(chunks.map((_, index) => index));
  for (const chunk of chunks) {
    expect(chunk).toMatchObject({
      sessionId: session.id,
      processId: reply.result.processId,
      stream: expect.stringMatching(/^(stdout|stderr)$/),
      data: expect.stringMatching(/[^]/),
    });
    if (chunk.encoding === undefined) expect(chunk.data).not.toContain('\ufffd');
    else expect(chunk.encoding).toBe('base64');
  }
  expect(bytesOf(chunks, 'stdout')).toHaveLength(reply.result.stdoutBytes);
  expect(bytesOf(chunks, 'stderr')).toHaveLength(reply.result.stderrBytes);
}

describe('output while a program runs', () => {
  it('arrives before the program has ended', async () => {
    const script = 'echo first; while [ ! -e released ]; do sleep 0.01; done; echo second';
    const run = box.stream('execute_shell', { commandName: 'sh', args: ['-c', script] });
    await written(server.client, run.id, 'first\n');
    // The program cannot end before this file is there, and it is written only because the output came.
    await box.ok('write_file', { path: 'released', content: '' });
    const reply = await run.result;
    expect(reply).toMatchObject({ success: true, result: { stdout: 'first\nsecond\n', exitCode: 0 } });
    expectSound(chunksOf(server.client, run.id), reply);
  });

  it('arrives before a line is complete', async () => {
    await box.sh('mkfifo prompt');
    const run = box.stream('execute_shell', { commandName: 'sh', args: ['-c', 'printf "name? "; cat prompt'] });
    await written(server.client, run.id, 'name? ');
    await box.sh('echo me > prompt');
    expect(await run.result).toMatchObject({ success: true, result: { stdout: 'name? me\n' } });
  });

  it('of execute_code arrives so too', async () => {
    const code =
      "import os, time\nprint('first', flush=True)\nwhile not os.path.exists('released-code'): time.sleep(0.01)\nprint('second')";
    const run = box.stream('execute_code', { code });
    await written(server.client, run.id, 'first\n');
    await box.ok('write_file', { path: 'released-code', content: '' });
    const reply = await run.result;
    expect(reply).toMatchObject({ success: true, result: { stdout: 'first\nsecond\n' } });
    expectSound(chunksOf(server.client, run.id), reply);
  });

  it('of a build and of the program that was built each has its own processId and numbers', async () => {
    const session = await server.session({ language: 'csharp' });
    const code = `
class Program
{
    static void Main()
    {
        int unused = 1;
        System.Console.WriteLine("built");
        System.Console.Error.WriteLine("and run");
    }
}
`;
    const run = session.stream('execute_code', { code });
    const reply = await run.result;
    expect(reply).toMatchObject({ success: true, result: { exitCode: 0, stdout: 'built\n', stderr: 'and run\n' } });
    const chunks = chunksOf(server.client, run.id);
    const own = chunks.filter(({ processId }) => processId === reply.result.processId);
    const builds = chunks.filter(({ processId }) => processId !== reply.result.processId);
    expectSound(own, reply, session);
    expect(bytesOf(own, 'stdout').toString()).toBe('built\n');
    expect(bytesOf(builds, 'stderr').toString()).toMatch(/warning CS0219/);
    expect(builds.map(({ seq }) => seq)).toEqual(builds.map((_, index) => index));
  });

  it('is numbered from 0 without gaps over both streams, and is what the reply holds', async () => {
    const code = `
import os
for i in range(300):
    os.write(1, f'out {i}\\n'.encode())
    os.write(2, f'err {i}\\n'.encode() * 50)
`;
    const { reply, chunks } = await streamed(code);
    expect(reply.success).toBe(true);
    expectSound(chunks, reply);
    expect(new Set(chunks.map(({ stream }) => stream)).size).toBe(2);
    expect(bytesOf(chunks, 'stdout').toString()).toBe(reply.result.stdout);
    expect(bytesOf(chunks, 'stderr').toString()).toBe(reply.result.stderr);
    expect(reply.result.stdout).toBe(Array.from({ length: 300 }, (_, i) => `out ${i}\n`).join(''));
  });

  it('comes before the reply, to the last byte', async () => {
    const frames: string[] = [];
    const client = await server.api.connect();
    client.socket.on('message', (data: Buffer) => frames.push(data.toString()));
    const run = box.stream('execute_shell', { commandName: 'sh', args: ['-c', 'echo one; echo two >&2'] }, client);
    await run.result;
    const reply = frames.findIndex((frame) => JSON.parse(frame).id === run.id);
    expect(reply).toBe(frames.length - 1);
    expect(bytesOf(chunksOf(client, run.id), 'stdout').toString()).toBe('one\n');
    expect(bytesOf(chunksOf(client, run.id), 'stderr').toString()).toBe('two\n');
  });

  it('is not sent without stream, nor to another socket', async () => {
    const other = await server.api.connect();
    const before = server.client.notifications.length;
    await box.sh('echo quiet');
    expect(server.client.notifications).toHaveLength(before);
    const run = box.stream('execute_shell', { commandName: 'echo', args: ['loud'] });
    await run.result;
    expect(chunksOf(server.client, run.id)).toHaveLength(1);
    expect(other.notifications).toEqual([]);
  });

  it('is none for a program that writes nothing', async () => {
    const { reply, chunks } = await streamed('pass');
    expect(reply).toMatchObject({ success: true, result: { stdout: '', stderr: '' } });
    expect(chunks).toEqual([]);
  });

  it('names the request by its id, also where that is a string', async () => {
    const client = await server.api.connect();
    const command = { type: 'execute_shell', commandName: 'echo', args: ['named'] };
    const params = { sessionId: box.id, command, stream: true };
    const reply = await client.raw(
      JSON.stringify({ jsonrpc: '2.0', id: 'my request', method: 'session.execute', params }),
    );
    expect(reply).toMatchObject({ id: 'my request', result: { success: true } });
    const chunks = chunksOf(client, 'my request');
    expect(bytesOf(chunks, 'stdout').toString()).toBe('named\n');
    expectSound(chunks, reply.result);
  });

  it('of two programs on one socket does not mix', async () => {
    const code = (word: string): string =>
      `import os\nfor i in range(400):\n  os.write(1, f'${word} {i}\\n'.encode())\n  os.write(2, b'${word}!')`;
    const words = ['left', 'right'];
    const runs = words.map((word) => box.stream('execute_shell', { commandName: 'python3', args: ['-c', code(word)] }));
    const replies = await Promise.all(runs.map(({ result }) => result));
    for (const [index, word] of words.entries()) {
      const chunks = chunksOf(server.client, runs[index]?.id ?? '');
      expectSound(chunks, replies[index]);
      expect(bytesOf(chunks, 'stdout').toString()).toBe(
        Array.from({ length: 400 }, (_, i) => `${word} ${i}\n`).join(''),
      );
      expect(bytesOf(chunks, 'stderr').toString()).toBe(`${word}!`.repeat(400));
    }
    expect(replies[0].result.processId).not.toBe(replies[1].result.processId);
  });
});

describe('characters and bytes of the output', () => {
  it('are whole characters, however the program split them', async () => {
    const text = 'a😀é€日本😀';
    const code = `
import os, time
for byte in ${JSON.stringify(text)}.encode():
    os.write(1, bytes([byte]))
    time.sleep(0.02)
`;
    const { reply, chunks } = await streamed(code);
    expectSound(chunks, reply);
    expect(chunks.every(({ encoding }) => encoding === undefined)).toBe(true);
    expect(chunks.map(({ data }) => data).join('')).toBe(text);
    expect(reply.result).toMatchObject({ stdout: text, stdoutBytes: Buffer.byteLength(text) });
  });

  it('are whole characters on both streams at once', async () => {
    const code = `
import os, time
for out, err in zip('😀😀😀'.encode(), '€€€€'.encode()):
    os.write(1, bytes([out]))
    os.write(2, bytes([err]))
    time.sleep(0.01)
`;
    const { reply, chunks } = await streamed(code);
    expectSound(chunks, reply);
    expect(chunks.every(({ encoding }) => encoding === undefined)).toBe(true);
    expect(reply.result).toMatchObject({ stdout: '😀😀😀', stderr: '€€€€' });
  });

  it('are whole characters in a flood of three-byte ones', async () => {
    const { reply, chunks } = await streamed(
      "import os\nos.write(1, b'x')\nfor _ in range(40): os.write(1, '€'.encode() * 30011)",
    );
    expectSound(chunks, reply);
    expect(chunks.every(({ encoding }) => encoding === undefined)).toBe(true);
    expect(chunks.map(({ data }) => data).join('')).toBe(`x${'€'.repeat(40 * 30_011)}`);
  });

  it('that are not UTF-8 come as base64', async () => {
    const { reply, chunks } = await streamed("import os\nos.write(1, bytes(range(128, 256)))\nos.write(2, b'\\xff')");
    expectSound(chunks, reply);
    expect(chunks.every(({ encoding }) => encoding === 'base64')).toBe(true);
    const bytes = bytesOf(chunks, 'stdout');
    expect(bytes.equals(Buffer.from(Array.from({ length: 128 }, (_, index) => 128 + index)))).toBe(true);
    expect(reply.result.stdoutBase64).toBe(bytes.toString('base64'));
    expect(bytesOf(chunks, 'stderr')).toEqual(Buffer.from([0xff]));
  });

  it('that never become a whole character are not lost at the end', async () => {
    const { reply, chunks } = await streamed("import os\nos.write(1, b'ok ' + '😀'.encode()[:3])");
    expectSound(chunks, reply);
    expect(bytesOf(chunks, 'stdout')).toEqual(Buffer.concat([Buffer.from('ok '), Buffer.from('😀').subarray(0, 3)]));
    expect(reply.result.stdoutBase64).toBe(bytesOf(chunks, 'stdout').toString('base64'));
  });

  it('that look like frames of the protocol are only output', async () => {
    const frame = JSON.stringify({ jsonrpc: '2.0', id: 1, result: { forged: true } });
    const { reply, chunks } = await streamed(
      `import os\nos.write(1, b'\\0CODEBEAKER-AGT\\n' + b'\\1\\0\\0\\0' * 64 + b'CB.\\n' + ${JSON.stringify(frame)}.encode())`,
    );
    expect(reply).toMatchObject({ success: true, result: { exitCode: 0 } });
    expectSound(chunks, reply);
    expect(bytesOf(chunks, 'stdout').toString('latin1')).toContain(frame);
  });
});

describe('a flood of output', () => {
  it('of 20 MB arrives byte for byte while another request of the same socket is answered', async () => {
    const code = `
import hashlib, os, time
digest = hashlib.sha256()
def write(count):
    for _ in range(count):
        block = os.urandom(100000)
        digest.update(block)
        at = 0
        while at < len(block): at += os.write(1, block[at:])
write(100)
while not os.path.exists('flood'): time.sleep(0.01)
write(100)
os.write(2, digest.hexdigest().encode())
`;
    const run = box.stream('execute_shell', { commandName: 'python3', args: ['-c', code], timeoutMs: 100_000 });
    await server.client.until(() => chunksOf(server.client, run.id).length > 0, 60_000);
    // The program ends only after this has been answered on the socket that carries the flood.
    expect(await box.sh('echo meanwhile')).toBe('meanwhile\n');
    await box.ok('write_file', { path: 'flood', content: '' });
    const reply = await run.result;
    expect(reply).toMatchObject({ success: true, result: { stdoutBytes: 20_000_000, truncated: true, exitCode: 0 } });
    const chunks = chunksOf(server.client, run.id);
    expectSound(chunks, reply);
    const bytes = bytesOf(chunks, 'stdout');
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(reply.result.stderr);
    const kept = Buffer.from(reply.result.stdoutBase64, 'base64');
    // Up to three bytes less, where the last of them might begin a character.
    expect(MIB - kept.length).toBeLessThanOrEqual(3);
    expect(kept.equals(bytes.subarray(0, kept.length))).toBe(true);
  });

  it('stops its writer, and nobody else, while its client does not read, and goes on when it reads again', async () => {
    const BLOCK = 65_536;
    const BLOCKS = 1_200;
    const code = `
import hashlib, os
digest = hashlib.sha256()
with open('progress', 'wb', buffering=0) as progress:
    for number in range(${BLOCKS}):
        block = (f'{number:07}\\n' * ${BLOCK / 8}).encode()
        digest.update(block)
        at = 0
        while at < len(block): at += os.write(1, block[at:])
        os.pwrite(progress.fileno(), b'%8d' % (number + 1), 0)
os.write(2, digest.hexdigest().encode())
`;
    const session = await server.session();
    await session.ok('write_file', { path: 'progress', content: '' });
    const slow = await server.api.connect();
    const run = session.stream(
      'execute_shell',
      { commandName: 'python3', args: ['-c', code], timeoutMs: 110_000 },
      slow,
    );
    await slow.until(() => chunksOf(slow, run.id).length > 0, 60_000);
    slow.socket.pause();

    const progress = async (): Promise<number> => Number((await session.ok('read_file', { path: 'progress' })).content);
    const stoppedAt = await standstill(progress);
    // Far more than what pipes, credits and socket buffers between the two ends hold together.
    expect(stoppedAt).toBeLessThan(BLOCKS);
    expect(await session.sh('echo alive')).toBe('alive\n');
    expect(await session.state()).toBe('Active');
    const quick = await streamed("print('streamed beside it')", session);
    expectSound(quick.chunks, quick.reply, session);
    expect(quick.reply.result.stdout).toBe('streamed beside it\n');
    expect(await progress()).toBe(stoppedAt);
    expect(chunksOf(slow, run.id).length).toBeLessThan(BLOCKS);

    slow.socket.resume();
    const reply = await run.result;
    expect(reply).toMatchObject({
      success: true,
      result: { exitCode: 0, stdoutBytes: BLOCK * BLOCKS, truncated: true },
    });
    const chunks = chunksOf(slow, run.id);
    expect(chunks.map(({ seq }) => seq)).toEqual(chunks.map((_, index) => index));
    const bytes = bytesOf(chunks, 'stdout');
    expect(bytes).toHaveLength(BLOCK * BLOCKS);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(reply.result.stderr);
    console.log(`an unread stream stopped its writer after ${((stoppedAt * BLOCK) / MIB).toFixed(1)} MiB`);
  });

  /** What a number is when it has not changed for two seconds. */
  async function standstill(ask: () => Promise<number>): Promise<number> {
    let last = -1;
    let since = performance.now();
    return eventually(
      async () => {
        const now = await ask();
        if (now !== last) since = performance.now();
        last = now;
        return now;
      },
      (now) => now > 0 && performance.now() - since > 2_000,
      'the program stands still',
      90_000,
    );
  }
});

describe('a client that stops reading', () => {
  it('holds the program up, whose time goes on; what was written until then comes whole', async () => {
    const session = await server.session();
    const client = await server.api.connect();
    // Without its reader it would be done in no time.
    const command = {
      type: 'execute_shell',
      commandName: 'head',
      args: ['-c', '50000000', '/dev/zero'],
      timeoutMs: 8_000,
    };
    client.socket.pause();
    const run = client.send('session.execute', { sessionId: session.id, command, stream: true });
    await eventually(
      () => session.programs(),
      (programs) => programs.length > 0,
      'the program runs',
    );
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'its time is over',
    );
    client.socket.resume();
    const reply = await run.result;

    expect(reply).toMatchObject({ success: false, errorCode: 'timed_out', result: { signal: 'SIGKILL' } });
    expect(reply.result.stdoutBytes).toBeLessThan(50_000_000);
    expect(bytesOf(chunksOf(client, run.id), 'stdout')).toHaveLength(reply.result.stdoutBytes);
    await session.close();
  });
});

describe('a socket that closes while it is streamed to', () => {
  const cases: [string, (client: RpcClient) => unknown][] = [
    ['closes', (client) => client.close()],
    ['breaks off', (client) => client.socket.terminate()],
    ['breaks off after it stopped reading', (client) => (client.socket.pause(), client.socket.terminate())],
  ];

  it.each(cases)('and %s takes the program with it, and leaves the session', async (_how, leave) => {
    const session = await server.session();
    const client = await server.api.connect();
    const script = `(setsid sleep 993 &); while :; do echo ${randomBytes(500).toString('hex')}; done`;
    const run = session.stream('execute_shell', { commandName: 'sh', args: ['-c', script] }, client);
    await client.until(() => chunksOf(client, run.id).length > 5, 60_000);
    expect(await session.state()).toBe('Active');
    expect(await session.programs()).not.toEqual([]);
    await leave(client);
    await eventually(
      () => session.state(),
      (state) => state === 'Idle',
      'the session is idle again',
    );
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'no program is left',
    );
    expect(await session.sh('echo alive')).toBe('alive\n');
    await session.close();
  });
});
