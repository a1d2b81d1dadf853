import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { deferred, type ProcessEnd } from '#libs/runtime';

import { arrived, type FakeAgent, type FakeExchange, processEnd } from '../../runtime/src/testing/fake-agent.js';
import type { BackgroundProcess } from './background-process.js';
import type { Missed, ProcessReader } from './process-reader.js';
import { FakeServer } from './testing/server.js';

Logger.overrideLogger(false);

let server: FakeServer;
let agent: FakeAgent;
let process: BackgroundProcess;
/** What the sink was given, in order. */
let words: unknown[];
/** Holds the sink up, if it is there. */
let hold: Promise<void> | undefined;

const sink = {
  output: ({ seq, data }: { seq: number; data: Buffer }, missed: Missed | undefined) => {
    words.push([seq, data.toString(), told(missed)]);
    return hold;
  },
  exited: ({ endReason }: ProcessEnd, missed: Missed | undefined) => void words.push([endReason, told(missed)]),
  failed: (error: Error) => void words.push(error.message),
};

function told(missed: Missed | undefined): number | string {
  return missed?.isLeast ? `at least ${missed.droppedBytes}` : (missed?.droppedBytes ?? 0);
}

beforeEach(async () => {
  server = new FakeServer();
  const made = await server.session();
  ({ agent } = made);
  process = await server.processes.start(made.session, { args: ['cat'], stdin: 'closed' });
  words = [];
  hold = undefined;
});

const readerFrom = (seq: number): ProcessReader => server.processes.attach(process, seq, sink);
const lastAttach = (): FakeExchange => agent.requests('attach').at(-1)!;

function send(exchange: FakeExchange, seq: number, offset: number, text: string): void {
  const head = Buffer.alloc(17);
  head[0] = 1;
  head.writeBigUInt64LE(BigInt(seq), 1);
  head.writeBigUInt64LE(BigInt(offset), 9);
  void exchange.data(Buffer.from(text), head);
}

describe('a reader', () => {
  it('hands on the output from where it was asked, then the end', async () => {
    const done = readerFrom(3).run();
    await arrived();
    expect(lastAttach().head).toMatchObject({ processId: process.id, fromSeq: 3 });
    send(lastAttach(), 3, 10, 'three');
    send(lastAttach(), 4, 15, 'four');
    lastAttach().respond(processEnd());
    await done;

    expect(words).toEqual([
      [3, 'three', 0],
      [4, 'four', 0],
      ['exited', 0],
    ]);
  });

  it('attaches again after a break from the next chunk that is due, each once', async () => {
    const done = readerFrom(0).run();
    await arrived();
    send(lastAttach(), 0, 0, 'a');
    send(lastAttach(), 1, 1, 'b');
    await arrived();
    agent.breakLine();
    await vi.waitFor(() => expect(agent.requests('attach')).toHaveLength(2));
    expect(lastAttach().head['fromSeq']).toBe(2);
    send(lastAttach(), 2, 2, 'c');
    lastAttach().respond(processEnd());
    await done;

    expect(words).toEqual([
      [0, 'a', 0],
      [1, 'b', 0],
      [2, 'c', 0],
      ['exited', 0],
    ]);
  });

  it('says before which chunk something is missing, and how much at the end', async () => {
    const done = readerFrom(0).run();
    await arrived();
    lastAttach().event({ event: 'gap', droppedBytes: 10, nextSeq: 5 });
    lastAttach().event({ event: 'gap', droppedBytes: 7, nextSeq: 9 });
    send(lastAttach(), 5, 10, 'five');
    lastAttach().respond(processEnd());
    await done;

    expect(words).toEqual([
      [5, 'five', 10],
      ['exited', 7],
    ]);
  });

  it('says where more may be missing than is known', async () => {
    const done = readerFrom(2).run();
    await arrived();
    lastAttach().event({ event: 'gap', droppedBytes: 10, atLeast: true, nextSeq: 50 });
    send(lastAttach(), 50, 100, 'fifty');
    lastAttach().event({ event: 'gap', droppedBytes: 3, nextSeq: 51 });
    lastAttach().respond(processEnd());
    await done;

    expect(words).toEqual([
      [50, 'fifty', 'at least 10'],
      ['exited', 3],
    ]);
  });

  it('whose sandbox goes says how much it had not got yet', async () => {
    const done = readerFrom(0).run();
    await arrived();
    send(lastAttach(), 0, 0, 'four');
    await arrived();
    process.see({ stream: 'stdout', seq: 1, offset: 4, data: Buffer.from('seen by another') });
    server.engine.lose(process.session.sandbox.id, 'container_lost');
    await done;

    expect(words).toEqual([
      [0, 'four', 0],
      ['container_lost', 15],
    ]);
  });

  it('tells that the agent does not know the process any more', async () => {
    agent.on('attach', (exchange) => exchange.refuse('process_not_found', 'there is none'));
    await readerFrom(0).run();

    expect(words).toEqual(['there is none']);
  });

  it('takes nothing twice', async () => {
    const done = readerFrom(1).run();
    await arrived();
    send(lastAttach(), 0, 0, 'again');
    await done;

    expect(words).toEqual(['the agent sent output twice']);
  });
});

describe('a reader that is stopped', () => {
  it('hears no more, though its client takes nothing', async () => {
    hold = deferred<void>().promise;
    const reader = readerFrom(0);
    const done = reader.run();
    await arrived();
    send(lastAttach(), 0, 0, 'a');
    send(lastAttach(), 1, 1, 'b');
    await arrived();
    reader.stop();
    await lastAttach().cancelled;
    lastAttach().refuse('cancelled', 'cancelled');
    await done;

    expect(words).toEqual([[0, 'a', 0]]);
  });

  it('before it began asks for nothing', async () => {
    const reader = readerFrom(0);
    reader.stop();
    await reader.run();

    expect(agent.requests('attach')).toEqual([]);
    expect(words).toEqual([]);
  });
});
