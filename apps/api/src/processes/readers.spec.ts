import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import type { RpcClose, RpcConnection } from '#libs/jsonrpc';
import type { BackgroundProcess, ProcessesService, ProcessReader, ProcessSink } from '#libs/processes';

import { arrived } from '../../../../libs/runtime/src/testing/fake-agent.js';
import { Readers } from './readers.js';

Logger.overrideLogger(false);

class FakeReader {
  isStopped = false;
  hasRun = false;
  private end: () => void = () => undefined;

  constructor(
    readonly fromSeq: number,
    readonly sink: ProcessSink,
    readonly inPlaceOf: unknown,
  ) {}

  run(): Promise<void> {
    this.hasRun = true;
    return new Promise((resolve) => (this.end = resolve));
  }

  stop(): void {
    this.isStopped = true;
    this.end();
  }
}

class FakeConnection {
  readonly closing = new AbortController();
  readonly closed = this.closing.signal;
  readonly sent: unknown[] = [];
  private readonly listeners: ((close: RpcClose) => void)[] = [];

  async notify(method: string, params: object): Promise<void> {
    this.sent.push([method, params]);
  }

  onClose(listener: (close: RpcClose) => void): () => void {
    this.listeners.push(listener);
    return () => undefined;
  }

  close(): void {
    this.closing.abort();
    for (const tell of this.listeners) tell({ code: 1000, reason: '' });
  }
}

const attach = vi.fn<(...args: [unknown, number, ProcessSink, ProcessReader?]) => FakeReader>();
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- readers are asked for, and nothing else
const processes = { attach } as unknown as ProcessesService;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only its names are read
const process = { id: 'p_1', session: { id: 's_1' } } as BackgroundProcess;

let readers: Readers;
let made: FakeReader[];
let connection: FakeConnection;
let asRpc: RpcConnection;

beforeEach(() => {
  made = [];
  attach.mockImplementation((_process, fromSeq, sink, inPlaceOf) => {
    const reader = new FakeReader(fromSeq, sink, inPlaceOf);
    made.push(reader);
    return reader;
  });
  readers = new Readers(processes);
  connection = new FakeConnection();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a connection is told things and closes
  asRpc = connection as unknown as RpcConnection;
});

describe('a connection', () => {
  it('that attaches again has one reader, the new one', async () => {
    readers.attach(asRpc, process, 0);
    readers.attach(asRpc, process, 5);
    await arrived();

    expect(made.map(({ isStopped }) => isStopped)).toEqual([true, false]);
    expect(made[1]).toMatchObject({ fromSeq: 5, inPlaceOf: made[0] });
  });

  it('that may not attach again keeps the reader that it has', async () => {
    readers.attach(asRpc, process, 0);
    attach.mockImplementationOnce(() => {
      throw new Error('too many');
    });

    expect(() => readers.attach(asRpc, process, 5)).toThrow('too many');
    expect(made[0]?.isStopped).toBe(false);
    expect(readers.detach(asRpc, 'p_1')).toBe(true);
    expect(made[0]?.isStopped).toBe(true);
    expect(readers.detach(asRpc, 'p_1')).toBe(false);
  });

  it('that closes stops its readers, and those that come too late', async () => {
    readers.attach(asRpc, process, 0);
    connection.close();
    readers.attach(asRpc, process, 0);
    await arrived();

    expect(made.map(({ isStopped }) => isStopped)).toEqual([true, true]);
  });

  it('is answered before its reader begins', async () => {
    readers.attach(asRpc, process, 0);
    expect(made[0]?.hasRun).toBe(false);
    await arrived();

    expect(made[0]?.hasRun).toBe(true);
  });

  it('is told of output, of what is missing, and of the end', async () => {
    readers.attach(asRpc, process, 0);
    const [{ sink }] = made as [FakeReader];
    await sink.output({ stream: 'stdout', seq: 4, offset: 0, data: Buffer.from('hi') }, undefined);
    await sink.output({ stream: 'stderr', seq: 7, offset: 0, data: Buffer.from([0xff]) }, { droppedBytes: 12 });
    await sink.output(
      { stream: 'stdout', seq: 9, offset: 0, data: Buffer.from('!') },
      { droppedBytes: 3, isLeast: true },
    );
    sink.failed(new Error('forgotten'));

    expect(connection.sent).toEqual([
      ['process.output', { sessionId: 's_1', processId: 'p_1', seq: 4, stream: 'stdout', data: 'hi' }],
      [
        'process.output',
        {
          sessionId: 's_1',
          processId: 'p_1',
          seq: 7,
          stream: 'stderr',
          data: '/w==',
          encoding: 'base64',
          droppedBytes: 12,
        },
      ],
      [
        'process.output',
        {
          sessionId: 's_1',
          processId: 'p_1',
          seq: 9,
          stream: 'stdout',
          data: '!',
          droppedBytes: 3,
          droppedAtLeast: true,
        },
      ],
      ['process.detached', { sessionId: 's_1', processId: 'p_1' }],
    ]);
  });
});
