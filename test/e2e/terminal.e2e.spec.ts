import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';
import { WatchedProcess } from '../support/watched-process.js';

const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

const terminal = (script: string, pty: object = { cols: 80, rows: 24 }): Promise<WatchedProcess> =>
  WatchedProcess.start(server.client, session.id, 'sh', ['-c', script], { pty });

describe('a process in a terminal', () => {
  it('has one, of the size and the kind that were asked for', async () => {
    const process = await terminal('test -t 0 && test -t 1 && test -t 2 && stty size && echo "$TERM"', {
      cols: 101,
      rows: 33,
      term: 'vt100',
    });

    expect(await process.exited()).toMatchObject({ exitCode: 0 });
    expect(process.text).toBe('33 101\r\nvt100\r\n');
  });

  it('is told of a new size', async () => {
    const process = await terminal('trap "stty size; exit" WINCH; echo up; while :; do sleep 0.05; done');
    await process.written('up');

    await process.call('resize', { cols: 132, rows: 50 });

    await process.exited();
    expect(process.text).toContain('50 132');
  });

  it('is interrupted in the foreground by Ctrl-C, and its shell goes on', async () => {
    const process = await WatchedProcess.start(server.client, session.id, 'sh', ['-i'], {
      pty: { cols: 80, rows: 24 },
      env: { PS1: 'ready> ' },
    });
    await process.written('ready> ');
    await process.call('write', { data: 'echo st""arted; sleep 1000\n' });
    await process.written(/\nstarted/);

    await process.call('write', { data: '\u0003' });
    await process.call('write', { data: 'echo wit""hin $?\n' });

    await process.written('within 130');
    await process.call('write', { data: 'exit 5\n' });
    expect(await process.exited()).toMatchObject({ endReason: 'exited', exitCode: 5 });
  });

  it('carries UTF-8 both ways, and erases whole characters', async () => {
    const process = await terminal('read -r line; printf "<%s>" "$line"');

    // What is erased by DEL is one character of three bytes, not one byte of it.
    await process.call('write', { data: 'ä€\u007fß\n' });

    await process.exited();
    expect(process.text).toContain('<äß>');
  });

  it('reaches its end of input by closeStdin', async () => {
    const process = await terminal('stty -echo; cat; echo over');

    await process.call('closeStdin');

    expect(await process.exited()).toMatchObject({ exitCode: 0 });
    expect(process.text).toContain('over');
  });

  it('alone can be resized', async () => {
    const process = await WatchedProcess.start(server.client, session.id, 'sleep', ['1000']);

    expect((await process.refusal('resize', { cols: 80, rows: 24 })).data['violations']).toMatchObject([
      { field: 'processId' },
    ]);
    await process.call('kill');
  });
});
