import { describe, expect, it, vi } from 'vitest';

import { arrived, FakeAgent, isPending } from '../testing/fake-agent.js';
import { AgentChannel, type AgentTransport } from './agent-channel.js';
import { AgentError, ChannelLostError } from './agent-error.js';
import { deferred } from './deferred.js';
import { Exchange } from './exchange.js';
import { INITIAL_CREDIT_BYTES, MAX_DATA_BYTES } from './frames.js';

const KIB_64 = 65_536;

async function connected() {
  const agent = new FakeAgent();
  agent.on('hang', () => undefined);
  const { channel } = await AgentChannel.open(agent.attach(), { resync: false, timeoutMs: 1_000 });
  return { agent, channel };
}

/** Opens an exchange whose agent's side the test plays. */
async function opened(options: Parameters<AgentChannel['exchange']>[2] = {}) {
  const { agent, channel } = await connected();
  const arriving = agent.next('hang');
  const exchange = channel.exchange('hang', {}, options);
  return { agent, channel, exchange, theirs: await arriving };
}

describe('sending data', () => {
  it('sends what the agent has room for, and the rest as it grants', async () => {
    const { agent, exchange, theirs } = await opened({ end: false });
    theirs.grantsAtOnce = false;
    const writing = exchange.write(Buffer.alloc(INITIAL_CREDIT_BYTES + 1_000));

    expect(await isPending(writing)).toBe(true);
    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES);
    theirs.grant(999);
    expect(await isPending(writing)).toBe(true);
    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES + 999);
    theirs.grant(500);
    await writing;

    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES + 1_000);
    expect(agent.violations).toEqual([]);
  });

  it('counts the payload of the request', async () => {
    const { exchange, theirs } = await opened({ payload: Buffer.alloc(100_000), end: false });
    theirs.grantsAtOnce = false;
    const writing = exchange.write(Buffer.alloc(INITIAL_CREDIT_BYTES));
    await arrived();

    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES);
    theirs.grant(100_000);
    await writing;
    expect(theirs.frameBytes.reduce((sum, bytes) => sum + bytes, 0)).toBe(INITIAL_CREDIT_BYTES + 100_000);
  });

  it('sends no piece that is larger than a frame of data may be, and keeps the order', async () => {
    const { exchange, theirs } = await opened({ end: false });
    const bytes = Buffer.alloc(MAX_DATA_BYTES * 3 + 17);
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE(at, Math.min(at, bytes.length - 4));
    await exchange.write(bytes);
    exchange.end();

    expect((await theirs.allData).equals(bytes)).toBe(true);
    expect(Math.max(...theirs.frameBytes)).toBe(MAX_DATA_BYTES);
  });

  it('leaves a writer that waits alone when another exchange is granted more', async () => {
    const { agent, channel, exchange, theirs } = await opened({ end: false });
    theirs.grantsAtOnce = false;
    const writing = exchange.write(Buffer.alloc(INITIAL_CREDIT_BYTES + 1));
    await arrived();
    const other = channel.request('hang', {});
    await arrived();
    agent.requests('hang')[1]?.grant(1_000_000);
    agent.requests('hang')[1]?.respond();
    await other;

    expect(await isPending(writing)).toBe(true);
  });

  it('stops quietly when the agent answers before it has taken everything', async () => {
    const { exchange, theirs } = await opened({ end: false });
    theirs.grantsAtOnce = false;
    const writing = exchange.write(Buffer.alloc(INITIAL_CREDIT_BYTES * 2));
    await arrived();
    theirs.refuse('no_space', 'the disk is full');

    await expect(writing).resolves.toBeUndefined();
    await expect(exchange.response).rejects.toMatchObject({ code: 'no_space' });
    exchange.end();
    await arrived();
    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES);
    expect(await isPending(theirs.allData)).toBe(true);
  });

  it('stops quietly when the stream breaks while it waits', async () => {
    const { agent, exchange, theirs } = await opened({ end: false });
    theirs.grantsAtOnce = false;
    const writing = exchange.write(Buffer.alloc(INITIAL_CREDIT_BYTES * 2));
    await arrived();
    agent.breakLine();

    await expect(writing).resolves.toBeUndefined();
    await expect(exchange.response).rejects.toThrow(ChannelLostError);
  });

  it('waits for a transport that is full, and only as long as it is', async () => {
    const agent = new FakeAgent();
    agent.on('hang', () => undefined);
    const transport = new SlowTransport(agent.attach());
    const { channel } = await AgentChannel.open(transport, { resync: false, timeoutMs: 1_000 });
    const arriving = agent.next('hang');
    const exchange = channel.exchange('hang', {}, { end: false });
    const theirs = await arriving;
    transport.bufferedBytes = 262_145;
    const writing = exchange.write(Buffer.from('late'));
    await arrived();
    expect(theirs.receivedSoFar).toBe(0);

    transport.drain(262_145);
    await arrived();
    expect(theirs.receivedSoFar).toBe(0);

    transport.drain(0);
    await writing;
    await arrived();
    expect(theirs.receivedSoFar).toBe(4);
  });
});

describe('sending data now', () => {
  it('sends all of it where there is credit, and nothing where there is not enough', async () => {
    const { exchange, theirs } = await opened({ end: false });
    theirs.grantsAtOnce = false;

    expect(exchange.writeNow(Buffer.alloc(INITIAL_CREDIT_BYTES - 10))).toBe(true);
    expect(exchange.writeNow(Buffer.alloc(11))).toBe(false);
    await arrived();
    expect(theirs.receivedSoFar).toBe(INITIAL_CREDIT_BYTES - 10);
    expect(Math.max(...theirs.frameBytes)).toBe(MAX_DATA_BYTES);
  });

  it('sends nothing into a transport that is full, nor once the exchange is over', async () => {
    const agent = new FakeAgent();
    agent.on('hang', () => undefined);
    const transport = new SlowTransport(agent.attach());
    const { channel } = await AgentChannel.open(transport, { resync: false, timeoutMs: 1_000 });
    const exchange = channel.exchange('hang', {}, { end: false });
    transport.bufferedBytes = 262_145;
    expect(exchange.writeNow(Buffer.alloc(1))).toBe(false);

    transport.bufferedBytes = 0;
    channel.close();
    expect(exchange.writeNow(Buffer.alloc(1))).toBe(false);
  });
});

describe('receiving data', () => {
  it('lets the agent send more at first where it is told to', async () => {
    const { theirs } = await opened({ onData: () => undefined, extraWindowBytes: 500_000 });
    await arrived();

    expect(theirs.credits).toBe(INITIAL_CREDIT_BYTES + 500_000);
  });

  it.each([true, false])('gives bytes back when they are taken, if they may be used again: %s', async (reusesBytes) => {
    const turns = [deferred<void>(), deferred<void>()];
    const link = { send: vi.fn(), sendData: vi.fn(), hasRoom: () => true, room: () => Promise.resolve() };
    let turn = 0;
    const exchange = new Exchange(1, { onData: () => turns[turn++]?.promise, reusesBytes }, link);
    const releases = [vi.fn(), vi.fn()];
    for (const release of releases) exchange.receive(Buffer.alloc(0), Buffer.alloc(KIB_64), release);
    await arrived();
    expect(releases[0]).not.toHaveBeenCalled();

    turns[0]?.resolve();
    await arrived();
    expect(releases.map(({ mock }) => mock.calls.length)).toEqual([reusesBytes ? 1 : 0, 0]);
    turns[1]?.resolve();
    await arrived();
    expect(releases.map(({ mock }) => mock.calls.length)).toEqual(reusesBytes ? [1, 1] : [0, 0]);
  });

  it('gives no bytes back whose taker failed, since they may still be on their way', async () => {
    const link = { send: vi.fn(), sendData: vi.fn(), hasRoom: () => true, room: () => Promise.resolve() };
    const onData = (): Promise<void> => Promise.reject(new Error('the client has gone'));
    const exchange = new Exchange(1, { onData, reusesBytes: true }, link);
    const release = vi.fn();
    for (let piece = 0; piece < 2; piece++) exchange.receive(Buffer.alloc(0), Buffer.alloc(KIB_64), release);

    await expect(exchange.response).rejects.toThrow('the client has gone');
    expect(release).not.toHaveBeenCalled();
  });

  it('grants what was taken, in steps and not for every piece', async () => {
    const { theirs, exchange } = await opened({ onData: () => undefined });
    await theirs.data(Buffer.alloc(KIB_64 - 1));
    await arrived();
    expect(theirs.credits).toBe(INITIAL_CREDIT_BYTES - KIB_64 + 1);

    await theirs.data(Buffer.alloc(1));
    await arrived();
    expect(theirs.credits).toBe(INITIAL_CREDIT_BYTES);
    theirs.respond();
    await exchange.response;
  });

  it('grants data that nobody takes too, so that no agent is ever stuck', async () => {
    const { theirs, exchange } = await opened();
    for (let sent = 0; sent < INITIAL_CREDIT_BYTES * 4; sent += KIB_64) {
      await theirs.data(Buffer.alloc(KIB_64));
      await arrived();
    }
    theirs.respond({ fine: true });

    expect((await exchange.response).head).toEqual({ fine: true });
  });

  it('never starves a sender: with everything taken, what is not granted yet is less than what may be sent', async () => {
    const { theirs } = await opened({ onData: () => undefined });
    for (let i = 0; i < 100; i++) {
      await theirs.data(Buffer.alloc(10_007));
      await arrived();
      expect(theirs.credits).toBeGreaterThan(INITIAL_CREDIT_BYTES - KIB_64);
    }
  });

  it('grants in a later turn of the event loop, so that a flood leaves turns to others', async () => {
    const send = vi.fn();
    const link = { send, sendData: vi.fn(), hasRoom: () => true, room: () => Promise.resolve() };
    const exchange = new Exchange(1, { onData: () => undefined }, link);
    for (let piece = 0; piece < 4; piece++) exchange.receive(Buffer.alloc(0), Buffer.alloc(KIB_64));
    await Promise.resolve();
    expect(send).not.toHaveBeenCalled();
    await arrived();
    expect(send).toHaveBeenCalledOnce();
    expect(send.mock.lastCall?.[2].readUInt32LE(0)).toBe(4 * KIB_64);
  });

  it('holds grants back while its taker is busy', async () => {
    const taking = deferred<void>();
    const { theirs } = await opened({ onData: () => taking.promise });
    for (let sent = 0; sent < INITIAL_CREDIT_BYTES; sent += KIB_64) await theirs.data(Buffer.alloc(KIB_64));
    await arrived();

    expect(theirs.credits).toBe(0);
    expect(await isPending(theirs.data(Buffer.alloc(1)))).toBe(true);
    taking.resolve();
    await arrived();
    await arrived();
    expect(theirs.credits).toBeGreaterThan(INITIAL_CREDIT_BYTES - KIB_64);
  });

  it('hands pieces on one at a time and in order, however slow the taker is', async () => {
    const waiting: (() => void)[] = [];
    const begun: string[] = [];
    const { theirs, exchange } = await opened({
      onData: (payload) => {
        begun.push(payload.toString());
        return new Promise((resolve) => waiting.push(resolve));
      },
    });
    for (const word of ['one', 'two', 'three']) await theirs.data(Buffer.from(word));
    theirs.respond();
    await arrived();
    expect(begun).toEqual(['one']);

    for (const expected of [
      ['one', 'two'],
      ['one', 'two', 'three'],
    ]) {
      waiting.shift()?.();
      await arrived();
      expect(begun).toEqual(expected);
    }
    waiting.shift()?.();
    await exchange.response;
  });

  it('hands on the head of each piece with it', async () => {
    const onData = vi.fn((payload: Buffer, head: Buffer) => void [payload, head]);
    const { theirs, exchange } = await opened({ onData });
    await theirs.data(Buffer.from('payload'), Buffer.from('head'));
    theirs.respond();
    await exchange.response;

    expect(onData.mock.calls[0]?.map(String)).toEqual(['payload', 'head']);
  });

  it('keeps the response back until the last piece is taken', async () => {
    const taking = deferred<void>();
    const { theirs, exchange } = await opened({ onData: () => taking.promise });
    await theirs.data(Buffer.from('x'));
    theirs.respond({ fine: true });

    expect(await isPending(exchange.response)).toBe(true);
    taking.resolve();
    expect((await exchange.response).head).toEqual({ fine: true });
  });

  it('is not held up by the slow taker of another exchange', async () => {
    const { channel, theirs } = await opened({ onData: () => new Promise(() => undefined) });
    for (let sent = 0; sent < INITIAL_CREDIT_BYTES; sent += KIB_64) await theirs.data(Buffer.alloc(KIB_64));

    await expect(channel.request('ping', {})).resolves.toBeDefined();
  });

  it.each<[string, () => void | Promise<void>]>([
    [
      'throws',
      () => {
        throw new Error('no room');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no room'))],
  ])('cancels when its taker %s, and that is what the caller hears', async (_how, onData) => {
    const { theirs, exchange } = await opened({ onData });
    await theirs.data(Buffer.from('x'));

    await expect(exchange.response).rejects.toThrow('no room');
    expect(await theirs.cancelled).toBe('cancelled');
  });

  it('cancels when its taker rejects a later piece', async () => {
    const takers = [Promise.resolve(), Promise.reject(new Error('no more room'))];
    takers[1]?.catch(() => undefined);
    const { theirs, exchange } = await opened({ onData: () => takers.shift() });
    await theirs.data(Buffer.from('first'));
    await theirs.data(Buffer.from('second'));

    await expect(exchange.response).rejects.toThrow('no more room');
    expect(await theirs.cancelled).toBe('cancelled');
  });

  it('gives nothing more to a taker that failed', async () => {
    const onData = vi.fn(() => {
      throw new Error('no room');
    });
    const { theirs } = await opened({ onData });
    await theirs.data(Buffer.from('x'));
    await theirs.data(Buffer.from('y'));
    await arrived();

    expect(onData).toHaveBeenCalledTimes(1);
  });

  it('gives nothing more to its taker when the stream has broken', async () => {
    const taking = deferred<void>();
    const onData = vi.fn(() => taking.promise);
    const { agent, theirs, exchange } = await opened({ onData });
    await theirs.data(Buffer.from('x'));
    await theirs.data(Buffer.from('y'));
    await arrived();
    agent.breakLine();
    await expect(exchange.response).rejects.toThrow(ChannelLostError);
    taking.resolve();
    await arrived();

    expect(onData).toHaveBeenCalledTimes(1);
  });
});

describe('cancelling', () => {
  it.each(['cancelled', 'disconnected'] as const)(
    'tells the agent the reason %s and still waits for the answer',
    async (reason) => {
      const { theirs, exchange } = await opened();
      exchange.cancel(reason);

      expect(await theirs.cancelled).toBe(reason);
      expect(await isPending(exchange.response)).toBe(true);
      theirs.refuse('cancelled', 'as you wish');
      await expect(exchange.response).rejects.toThrow(AgentError);
    },
  );

  it('says nothing when the exchange is over', async () => {
    const { agent, theirs, exchange } = await opened();
    theirs.respond();
    await exchange.response;
    exchange.cancel('cancelled');
    exchange.end();
    await exchange.write(Buffer.from('late'));
    await arrived();

    expect(theirs.cancelReason).toBeUndefined();
    expect(theirs.receivedSoFar).toBe(0);
    expect(agent.violations).toEqual([]);
  });
});

describe('a response that nobody looks at', () => {
  it('does not end the process when it is a refusal', async () => {
    const { theirs } = await opened();
    theirs.refuse('busy', 'too many');
    // An unhandled rejection would fail the run here.
    await arrived();

    expect(theirs.id).toBeGreaterThan(0);
  });
});

/** A transport that says itself how full it is. */
class SlowTransport implements AgentTransport {
  bufferedBytes = 0;
  private waiters: (() => void)[] = [];

  constructor(private readonly inner: AgentTransport) {}

  write(...parts: readonly Buffer[]): void {
    this.inner.write(...parts);
  }

  writeThen(sent: () => void, ...parts: readonly Buffer[]): void {
    this.inner.writeThen(sent, ...parts);
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  start(handlers: Parameters<AgentTransport['start']>[0]): void {
    this.inner.start(handlers);
  }

  close(): void {
    this.inner.close();
  }

  drain(left: number): void {
    this.bufferedBytes = left;
    for (const wake of this.waiters.splice(0)) wake();
  }
}
