import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';
import { WatchedProcess } from '../support/watched-process.js';

const MIB = 1_048_576;
const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

const start = (commandName: string, args: string[], more: object = {}): Promise<WatchedProcess> =>
  WatchedProcess.start(server.client, session.id, commandName, args, more);
const reader = async ({ id }: WatchedProcess): Promise<WatchedProcess> =>
  new WatchedProcess(await server.api.connect(), id);
const numbers = (count: number): string => Array.from({ length: count }, (_, line) => `${line + 1}\n`).join('');

/** Chunks follow each other; with what was dropped they make all that the program wrote. */
function expectComplete(read: WatchedProcess, end: any): void {
  expect(read.bytes().length + read.bytes('stderr').length + read.droppedBytes).toBe(end.stdoutBytes + end.stderrBytes);
  let due = 0;
  for (const { seq, droppedBytes = 0 } of read.chunks) {
    if (droppedBytes > 0) expect(seq).toBeGreaterThan(due);
    else expect(seq).toBe(due);
    due = seq + 1;
  }
}

describe('several readers', () => {
  it('each get every byte, wherever they begin', async () => {
    const process = await start('sh', ['-c', 'for i in $(seq 200); do echo $i; sleep 0.01; done'], { attach: false });
    const [early, late] = [await reader(process), await reader(process)];
    expect(await early.call('attach')).toMatchObject({ state: 'running', firstSeq: 0, sessionId: session.id });
    await early.written('\n50\n');
    const seen = early.chunks.length;
    await late.call('attach', { fromSeq: seen });

    await Promise.all([early.exited(), late.exited()]);

    expect(early.text).toBe(numbers(200));
    expect(late.chunks).toEqual(early.chunks.slice(seen));
    expect(process.chunks).toEqual([]);
  });

  it('read after the end what is kept, and how it ended', async () => {
    const process = await start('sh', ['-c', 'seq 1000; exit 9'], { attach: false });
    await process.call('wait');
    const late = await reader(process);

    expect(await late.call('attach')).toMatchObject({ state: 'ended', firstSeq: 0 });

    expect(await late.exited()).toMatchObject({ endReason: 'exited', exitCode: 9 });
    expect(late.text).toBe(numbers(1000));
  });

  it('of one connection are one: the second takes the place of the first', async () => {
    const process = await start('sh', ['-c', 'echo first; read x; echo second'], { stdin: 'open' });
    await process.written('first');

    await process.call('attach', { fromSeq: 1 });
    await process.call('write', { data: '\n' });

    await process.exited();
    expect(process.text).toBe('first\nsecond\n');
    expect(process.exits).toHaveLength(1);
  });

  it('hear no more once they are detached, and the process goes on', async () => {
    const process = await start('sh', ['-c', 'echo first; read x; echo second'], { stdin: 'open' });
    await process.written('first');

    expect(await process.call('detach')).toMatchObject({ detached: true });
    await process.call('write', { data: '\n' });

    expect(await process.call('wait')).toMatchObject({ exitCode: 0 });
    expect(process.text).toBe('first\n');
    expect(process.exits).toEqual([]);
    expect(await process.call('detach')).toMatchObject({ detached: false });
  });

  it('cannot begin where the output has not come to', async () => {
    const process = await start('sleep', ['1000']);

    expect((await process.refusal('attach', { fromSeq: 5 })).data['violations']).toMatchObject([{ field: 'fromSeq' }]);
    await process.call('kill');
  });
});

describe('a reader that comes back', () => {
  it('goes on after the seq that it saw last, each byte once', async () => {
    const process = await start('sh', ['-c', 'for i in $(seq 300); do echo $i; sleep 0.01; done'], { attach: false });
    let text = '';
    let fromSeq = 0;
    for (const mark of ['\n40\n', '\n120\n', '\n200\n']) {
      const visit = await reader(process);
      await visit.call('attach', { fromSeq });
      await visit.client.until(() => (text + visit.text).includes(mark), 60_000);
      visit.client.socket.terminate();
      text += visit.text;
      fromSeq = (visit.chunks.at(-1)?.seq ?? fromSeq - 1) + 1;
    }
    const last = await reader(process);
    await last.call('attach', { fromSeq });

    expect(await last.exited()).toMatchObject({ exitCode: 0 });
    expect(text + last.text).toBe(numbers(300));
  });
});

describe('output beyond what is kept', () => {
  it('is told to a late reader as droppedBytes', async () => {
    const process = await start('head', ['-c', String(10 * MIB), '/dev/zero'], { attach: false });
    const end = await process.call('wait');
    const late = await reader(process);
    await late.call('attach');

    expect(await late.exited()).toMatchObject({ stdoutBytes: 10 * MIB });
    expect(late.droppedBytes).toBeGreaterThan(5 * MIB);
    expect(late.chunks[0]?.droppedBytes).toBe(late.droppedBytes);
    expectComplete(late, end);
  });

  it('is told to a reader that stops reading, while the program and the others go on, in bounded memory', async () => {
    const size = 96 * MIB;
    const process = await start('head', ['-c', String(size), '/dev/zero'], { attach: false, stdin: 'closed' });
    const slow = await reader(process);
    await slow.call('attach');
    slow.client.socket.pause();
    const before = globalThis.process.memoryUsage().rss;

    const end = await process.call('wait');

    expect(end).toMatchObject({ endReason: 'exited', stdoutBytes: size });
    expect(await session.sh('echo fine')).toBe('fine\n');
    expect(globalThis.process.memoryUsage().rss - before).toBeLessThan(size);
    slow.client.socket.resume();
    await slow.exited();
    expect(slow.droppedBytes).toBeGreaterThan(0);
    expectComplete(slow, end);
  });
});

describe('a command whose socket is lost', () => {
  it('is cancelled, unless it was to be detached', async () => {
    const other = await server.session();
    const leaving = await server.api.connect();
    const run = (name: string, more: object): void => {
      const script = `sleep 1; echo ${name} >> effects`;
      const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', script] };
      leaving.send('session.execute', { sessionId: other.id, command, ...more }).result.catch(() => undefined);
    };
    run('bound', {});
    run('streamed', { detach: true, stream: true });
    run('silent', { detach: true });
    await leaving.call('initialize');
    leaving.socket.terminate();

    await other.sh('until [ $(wc -l < effects) -ge 2 ]; do sleep 0.05; done 2>/dev/null; sleep 1');
    expect(await other.sh('sort effects')).toBe('silent\nstreamed\n');
  });
});
