import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';

import { arrived, FakeAgent, type FakeMethod, isPending } from '../testing/fake-agent.js';
import { AgentChannel } from './agent-channel.js';
import { AgentError, AgentSilentError } from './agent-error.js';
import { FileTransfers } from './file-transfers.js';
import { INITIAL_CREDIT_BYTES } from './frames.js';

/** What a download may have on its way. */
const WINDOW_BYTES = INITIAL_CREDIT_BYTES + 786_432;
const NEW = { mode: 'create', parents: true } as const;
const OPENED = {
  event: 'opened',
  path: '/f',
  type: 'file',
  size: 10,
  modifiedAt: '2026-01-02T03:04:05Z',
  version: 'v',
};

async function transfers(methods: Record<string, FakeMethod> = {}) {
  const agent = new FakeAgent();
  for (const [method, handle] of Object.entries(methods)) agent.on(method, handle);
  const { channel } = await AgentChannel.open(agent.attach(), { resync: false, timeoutMs: 1_000 });
  return { agent, files: new FileTransfers(() => channel) };
}

describe('FileTransfers.write', () => {
  it('sends all of a stream and then says so', async () => {
    const content = Buffer.alloc(INITIAL_CREDIT_BYTES * 3 + 7, 'abc');
    const { agent, files } = await transfers({
      write_file: async (exchange) => {
        const bytes = (await exchange.allData).length;
        exchange.respond({ path: '/f', bytes, created: true, version: 'v' });
      },
    });

    const written = await files.write('f', Readable.from([content.subarray(0, 5), content.subarray(5)]), NEW);

    expect(written).toEqual({ path: '/f', bytes: content.length, created: true, version: 'v' });
    const [request] = agent.requests('write_file');
    expect((await request?.allData)?.equals(content)).toBe(true);
    expect(request?.head).toMatchObject({ path: 'f', mode: 'create', version: true });
    expect(agent.violations).toEqual([]);
  });

  it('gives the memory of a stream back as it leaves, and sends it as it was', async () => {
    const pieces = Array.from({ length: 40 }, (_, index) => Buffer.alloc(65_536, index + 1));
    const content = Buffer.concat(pieces);
    const { agent, files } = await transfers({
      write_file: async (exchange) => {
        const bytes = (await exchange.allData).length;
        exchange.respond({ path: '/f', bytes, created: true });
      },
    });
    await files.write('f', Readable.from(pieces), NEW);

    const [request] = agent.requests('write_file');
    expect((await request?.allData)?.equals(content)).toBe(true);
    expect(pieces.map((piece) => piece.length)).toEqual(pieces.map(() => 0));
  });

  it('takes no more of the stream than the agent has room for', async () => {
    const { agent, files } = await transfers({ write_file: (exchange) => void (exchange.grantsAtOnce = false) });
    let read = 0;
    const source = new Readable({ read: () => source.push(Buffer.alloc((read += 1) && 65_536)) });
    const writing = files.write('f', source, NEW);
    const request = await agent.next('write_file');
    for (let turn = 0; turn < 20; turn++) await arrived();

    expect(request.receivedSoFar).toBe(INITIAL_CREDIT_BYTES);
    expect(read).toBeLessThan(10);
    request.refuse('no_space', 'there is no space left');
    await expect(writing).rejects.toMatchObject({ code: 'no_space' });
    source.destroy();
  });

  it('cancels, and never ends, what breaks off', async () => {
    const { agent, files } = await transfers({
      write_file: async (exchange) => {
        await exchange.cancelled;
        exchange.refuse('cancelled', 'the request was cancelled');
      },
    });
    const source = new PassThrough();
    const writing = files.write('f', source, NEW);
    source.write('half');
    await arrived();
    source.destroy(new Error('reset by peer'));

    await expect(writing).rejects.toThrow('reset by peer');
    const [request] = agent.requests('write_file');
    expect(request?.cancelReason).toBe('disconnected');
    expect(await isPending(request?.allData ?? Promise.resolve())).toBe(true);
  });

  it('cancels for a stream that had broken before', async () => {
    const { files } = await transfers({
      write_file: async (exchange) => {
        await exchange.cancelled;
        exchange.refuse('cancelled', 'the request was cancelled');
      },
    });
    const source = new PassThrough();
    source.destroy();

    await expect(files.write('f', source, NEW)).rejects.toThrow('broke off');
  });

  it('hears a refusal while the stream is silent, and leaves the stream alone', async () => {
    const { agent, files } = await transfers({ write_file: () => undefined });
    const source = new PassThrough();
    const writing = files.write('f', source, NEW);
    (await agent.next('write_file')).refuse('permission_denied', 'no');

    await expect(writing).rejects.toBeInstanceOf(AgentError);
    expect(source.destroyed).toBe(false);
    expect(() => source.emit('error', new Error('late'))).not.toThrow();
  });

  it('waits for a slow stream, but not for an agent that says nothing', async () => {
    const { files } = await transfers({ write_file: () => undefined });
    const source = new PassThrough();
    vi.useFakeTimers();
    try {
      const writing = files.write('f', source, NEW);
      writing.catch(() => undefined);
      await vi.advanceTimersByTimeAsync(600_000);
      expect(await isPending(writing)).toBe(true);
      source.end('all');
      await arrived();
      await vi.advanceTimersByTimeAsync(60_000);
      await expect(writing).rejects.toBeInstanceOf(AgentSilentError);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('FileTransfers.open', () => {
  const opening: FakeMethod = async (exchange) => {
    exchange.event(OPENED);
    const { offset = 0, length = 10 } = JSON.parse((await exchange.allData).toString()) as Record<string, number>;
    await exchange.data(Buffer.from('0123456789'.slice(offset, offset + length)));
    exchange.respond({ path: '/f', bytes: length, leftOut: 0 });
  };

  it('tells what was opened before anything is sent, and then sends it', async () => {
    const { agent, files } = await transfers({ download: opening });
    const download = await files.open('f');
    const { event: _event, modifiedAt, ...rest } = OPENED;
    expect(download.opened).toEqual({ ...rest, modifiedAt: new Date(modifiedAt) });
    expect(agent.requests('download')[0]?.receivedSoFar).toBe(0);

    const parts: string[] = [];
    const taken = await download.send((bytes) => void parts.push(bytes.toString()), { offset: 2, length: 3 });
    expect([parts.join(''), taken]).toEqual(['234', { bytes: 3, leftOut: 0 }]);
  });

  it('rejects where nothing could be opened', async () => {
    const { files } = await transfers({ download: (exchange) => exchange.refuse('not_found', 'there is no f') });
    await expect(files.open('f')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('can be given up', async () => {
    const { agent, files } = await transfers({ download: (exchange) => exchange.event(OPENED) });
    (await files.open('f')).close();
    expect(await agent.requests('download')[0]?.cancelled).toBe('cancelled');
  });

  it('takes no more than it asked for from an agent that a tenant may have turned', async () => {
    const { files } = await transfers({
      download: async (exchange) => {
        exchange.event(OPENED);
        await exchange.allData;
        await exchange.data(Buffer.alloc(11));
        exchange.respond({ bytes: 11 });
      },
    });
    const take = vi.fn<() => void>();
    await expect((await files.open('f')).send(take)).rejects.toMatchObject({ code: 'internal' });
    expect(take).not.toHaveBeenCalled();
  });

  it('holds the agent up while a piece is not taken', async () => {
    const { agent, files } = await transfers({
      download: async (exchange) => {
        exchange.event({ ...OPENED, size: WINDOW_BYTES * 2 });
        await exchange.allData;
        for (let sent = 0; sent < 16; sent++) await exchange.data(Buffer.alloc(WINDOW_BYTES / 8));
        exchange.respond({ bytes: WINDOW_BYTES * 2 });
      },
    });
    const download = await files.open('f');
    let free!: () => void;
    const held = new Promise<void>((resolve) => (free = resolve));
    const sending = download.send(() => held);
    expect(await isPending(sending)).toBe(true);
    expect(agent.requests('download')[0]?.credits).toBe(0);
    free();
    expect((await sending).bytes).toBe(WINDOW_BYTES * 2);
  });
});
