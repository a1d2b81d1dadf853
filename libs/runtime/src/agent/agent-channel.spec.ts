import { afterEach, describe, expect, it, vi } from 'vitest';

import { arrived, FakeAgent } from '../testing/fake-agent.js';
import { AgentChannel, type AgentTransport } from './agent-channel.js';
import { AgentError, ChannelLostError } from './agent-error.js';
import { encodeFrame, FrameTooLargeError, FrameType, MAX_FRAME_BYTES, PREAMBLE } from './frames.js';

const NOTHING = Buffer.alloc(0);
const QUICK = { resync: false, timeoutMs: 1_000 };

async function connected(agent = new FakeAgent(), pieceBytes?: number) {
  const { channel, hello } = await AgentChannel.open(agent.attach(pieceBytes), QUICK);
  return { agent, channel, hello };
}

/** A transport whose bytes a test reads and writes by itself. */
class RawTransport implements AgentTransport {
  readonly written: Buffer[] = [];
  readonly bufferedBytes = 0;
  isClosed = false;
  private handlers: { onData(bytes: Buffer): void; onClose(error?: Error): void } | undefined;

  write(...parts: readonly Buffer[]): void {
    this.written.push(Buffer.concat(parts));
  }

  writeThen(sent: () => void, ...parts: readonly Buffer[]): void {
    this.write(...parts);
    sent();
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  start(handlers: { onData(bytes: Buffer): void; onClose(error?: Error): void }): void {
    this.handlers = handlers;
  }

  close(): void {
    this.isClosed = true;
  }

  deliver(bytes: Buffer): void {
    this.handlers?.onData(bytes);
  }

  /** What the greeting of an agent looks like to this connection. */
  greet(): void {
    const hello = this.written.at(-1) ?? NOTHING;
    const { nonce } = JSON.parse(hello.subarray(16, -4).toString()) as { nonce: string };
    const head = JSON.stringify({ protocol: 1, agent: 'raw', startedAt: '' });
    this.deliver(Buffer.concat([PREAMBLE, Buffer.from(nonce), encodeFrame(0, FrameType.hello, head, NOTHING, true)]));
  }
}

async function rawChannel(): Promise<{ transport: RawTransport; channel: AgentChannel }> {
  const transport = new RawTransport();
  const opening = AgentChannel.open(transport, QUICK);
  transport.greet();
  return { transport, channel: (await opening).channel };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('AgentChannel.open', () => {
  it('greets with its protocol and a nonce of its own, and tells what the agent said', async () => {
    const { agent, hello } = await connected();
    await connected(agent);

    expect(hello).toEqual({ protocol: 1, agent: 'fake', startedAt: agent.startedAt });
    const nonce = expect.stringMatching(/^[0-9a-f]{32}$/) as string;
    expect(agent.hellos[0]).toEqual({ protocol: 1, nonce, silenceMs: 30_000 });
    expect(agent.hellos[1]?.['nonce']).not.toBe(agent.hellos[0]?.['nonce']);
  });

  it('first completes what an earlier server left half sent, when it is told to', async () => {
    const fresh = new RawTransport();
    const again = new RawTransport();
    void AgentChannel.open(fresh, QUICK).catch(() => undefined);
    void AgentChannel.open(again, { ...QUICK, resync: true }).catch(() => undefined);
    fresh.greet();
    again.greet();
    await arrived();

    expect(fresh.written[0]).toEqual(PREAMBLE);
    expect(again.written[0]).toEqual(Buffer.alloc(MAX_FRAME_BYTES));
    expect(again.written[1]).toEqual(PREAMBLE);
  });

  it('hears a greeting that comes byte by byte after what others wrote', async () => {
    const agent = new FakeAgent();
    const { answerHello } = agent;
    agent.answerHello = (nonce) => {
      agent.sendRaw(Buffer.from('HTTP/1.1 101 UPGRADED\r\n\r\n'));
      return answerHello(nonce);
    };

    await expect(connected(agent, 1)).resolves.toMatchObject({ hello: { protocol: 1 } });
  });

  it('takes no greeting with another nonce for its own, and gives up in time', async () => {
    vi.useFakeTimers();
    const agent = new FakeAgent();
    agent.answerHello = () => ({ nonce: 'f'.repeat(32), head: { protocol: 1 } });
    const opening = AgentChannel.open(agent.attach(), QUICK);
    const heard = expect(opening).rejects.toThrow(ChannelLostError);
    await vi.advanceTimersByTimeAsync(QUICK.timeoutMs);

    await heard;
  });

  it('closes the transport of an agent that does not answer', async () => {
    vi.useFakeTimers();
    const transport = new RawTransport();
    const opening = AgentChannel.open(transport, QUICK);
    const heard = expect(opening).rejects.toThrow(/did not answer within 1000 ms/);
    await vi.advanceTimersByTimeAsync(QUICK.timeoutMs);

    await heard;
    expect(transport.isClosed).toBe(true);
  });

  it('sends padding in silence as long as something is asked for, well before the agent takes it for dead', async () => {
    vi.useFakeTimers();
    const { transport, channel } = await rawChannel();
    const asked = transport.written.length + 1;
    const request = channel.request('run', {});
    request.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(transport.written.slice(asked)).toEqual(Array.from({ length: 6 }, () => Buffer.alloc(4)));

    channel.close();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(transport.written).toHaveLength(asked + 6);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits no longer once the greeting is there', async () => {
    vi.useFakeTimers();
    const { channel } = await connected();
    await vi.advanceTimersByTimeAsync(QUICK.timeoutMs * 2);

    expect(channel.closed.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([[2], [undefined], ['1']])('refuses an agent that speaks protocol %j', async (protocol) => {
    const agent = new FakeAgent();
    agent.answerHello = (nonce) => ({ nonce, head: { protocol } });

    await expect(connected(agent)).rejects.toMatchObject({ code: 'protocol_mismatch' });
  });

  it('fails at once when the transport closes instead of greeting', async () => {
    const agent = new FakeAgent();
    agent.answerHello = () => {
      queueMicrotask(() => agent.breakLine(new Error('refused by the engine')));
      return undefined;
    };

    await expect(connected(agent)).rejects.toThrow('refused by the engine');
  });
});

describe('AgentChannel', () => {
  it('gives every exchange its own answer, in whatever order they come', async () => {
    const { agent, channel } = await connected();
    agent.on('echo', () => undefined);
    const asked = ['a', 'b', 'c'].map((word) => channel.request('echo', { word }));
    await arrived();
    for (const exchange of agent.requests('echo').toReversed()) exchange.respond({ word: exchange.head['word'] });

    const answers = await Promise.all(asked);
    expect(answers.map(({ head }) => head['word'])).toEqual(['a', 'b', 'c']);
    expect(agent.violations).toEqual([]);
  });

  it('sends a request in one frame with its method, its head and its first data', async () => {
    const { agent, channel } = await connected();
    agent.on('claim', async (exchange) => exchange.respond({ got: (await exchange.allData).toString() }));

    const { head } = await channel.request('claim', { selfDestructMs: 5 }, { payload: Buffer.from('blob') });
    expect(head).toEqual({ got: 'blob' });
    expect(agent.received[0]?.head).toEqual({ method: 'claim', selfDestructMs: 5 });
    expect(agent.received[0]?.frameBytes).toEqual([4]);
  });

  it('hands on the payload of a response, which does not change afterwards', async () => {
    const { transport, channel } = await rawChannel();
    const asking = channel.request('info', {});
    const bytes = encodeFrame(1, FrameType.response, '{}', Buffer.from('payload'), true);
    transport.deliver(bytes);
    bytes.fill(0);

    expect((await asking).payload.toString()).toBe('payload');
  });

  it('turns the error of a response into an AgentError with its details', async () => {
    const { agent, channel } = await connected();
    agent.on('read_file', (exchange) =>
      exchange.refuse('not_found', 'there is no /x', { errno: 'ENOENT', path: '/x' }),
    );

    const error = await channel.request('read_file', {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AgentError);
    expect(error).toMatchObject({
      code: 'not_found',
      message: 'there is no /x',
      details: { errno: 'ENOENT', path: '/x' },
    });
  });

  it('never takes an error without a code or a message for a success', async () => {
    const { agent, channel } = await connected();
    agent.on('odd', (exchange) => exchange.respond({ error: {} }));

    await expect(channel.request('odd', {})).rejects.toMatchObject({ code: 'internal', name: 'AgentError' });
  });

  it('ignores frames for exchanges that it does not know, and goes on', async () => {
    const { agent, channel } = await connected();
    for (const type of [FrameType.response, FrameType.data, FrameType.credit, FrameType.event, 99]) {
      agent.sendRaw(encodeFrame(4_000_000, type, '', NOTHING, true));
      agent.sendRaw(encodeFrame(0, type, '', NOTHING, true));
    }

    await expect(channel.request('ping', {})).resolves.toMatchObject({ head: {} });
  });

  it('answers an exchange once, whatever comes after the response', async () => {
    const { agent, channel } = await connected();
    agent.on('twice', (exchange) => {
      for (const n of [1, 2]) {
        agent.sendRaw(encodeFrame(exchange.id, FrameType.response, JSON.stringify({ n }), NOTHING, true));
      }
    });

    expect((await channel.request('twice', {})).head).toEqual({ n: 1 });
    await expect(channel.request('ping', {})).resolves.toBeDefined();
  });

  it('ignores a frame of a type that it does not know within an exchange', async () => {
    const { agent, channel } = await connected();
    agent.on('new', (exchange) => {
      agent.sendRaw(encodeFrame(exchange.id, 99, '{"later":"version"}', NOTHING, false));
      exchange.respond({ fine: true });
    });

    expect((await channel.request('new', {})).head).toEqual({ fine: true });
  });

  it('hands events on to their exchange', async () => {
    const { agent, channel } = await connected();
    agent.on('attach', (exchange) => {
      exchange.event({ event: 'gap', droppedBytes: 5 });
      exchange.respond();
    });
    const onEvent = vi.fn();

    await channel.request('attach', {}, { onEvent });
    expect(onEvent.mock.calls).toEqual([[{ event: 'gap', droppedBytes: 5 }]]);
  });

  it('refuses a request that is larger than a frame, and registers nothing', async () => {
    const { agent, channel } = await connected();

    expect(() => channel.exchange('run', { args: ['x'.repeat(MAX_FRAME_BYTES)] })).toThrow(FrameTooLargeError);
    channel.close();
    await arrived();
    expect(agent.received).toEqual([]);
  });

  it('works on after a request that was too large', async () => {
    const { agent, channel } = await connected();
    await expect(channel.request('claim', {}, { payload: Buffer.alloc(MAX_FRAME_BYTES) })).rejects.toThrow(
      FrameTooLargeError,
    );

    await expect(channel.request('ping', {})).resolves.toBeDefined();
    expect(agent.received.map(({ method }) => method)).toEqual(['ping']);
  });

  it('rejects every open exchange when the stream breaks', async () => {
    const { agent, channel } = await connected();
    agent.on('hang', () => undefined);
    const open = [1, 2, 3].map(() => channel.request('hang', {}));
    await arrived();
    agent.breakLine(new Error('read ECONNRESET'));

    const ends = await Promise.allSettled(open);
    for (const end of ends) {
      expect(end).toMatchObject({
        status: 'rejected',
        reason: { name: 'ChannelLostError', message: 'read ECONNRESET' },
      });
    }
    expect(channel.closed.reason).toBeInstanceOf(ChannelLostError);
  });

  it('rejects open exchanges when it is closed, and takes no new ones', async () => {
    const { agent, channel } = await connected();
    agent.on('hang', () => undefined);
    const open = channel.request('hang', {});
    channel.close();

    await expect(open).rejects.toThrow(ChannelLostError);
    await expect(channel.request('ping', {})).rejects.toThrow(ChannelLostError);
    expect(() => channel.exchange('ping', {})).toThrow(ChannelLostError);
  });

  it('keeps the first reason when it is closed twice', async () => {
    const { agent, channel } = await connected();
    agent.breakLine(new Error('first'));
    channel.close();

    expect(channel.closed.reason).toMatchObject({ message: 'first' });
  });

  // The stream is out of step for good, as the agent sends its preamble only once: every exchange would wait for ever.
  it('rejects open exchanges when a torn frame puts the stream out of step', async () => {
    const { agent, channel } = await connected();
    agent.on('hang', () => undefined);
    const open = channel.request('hang', {});
    await arrived();
    agent.sendRaw(Buffer.from([1, 0, 0, 0]));

    await expect(open).rejects.toThrow(ChannelLostError);
  });

  it('survives a head that is not JSON', async () => {
    const { transport, channel } = await rawChannel();
    const open = channel.request('info', {});
    open.catch(() => undefined);

    expect(() => transport.deliver(encodeFrame(1, FrameType.response, '{"half', NOTHING, true))).not.toThrow();
  });

  it('survives an event that its exchange cannot take', async () => {
    const { transport, channel } = await rawChannel();
    const onEvent = (): never => {
      throw new Error('cannot take it');
    };
    channel.request('attach', {}, { onEvent }).catch(() => undefined);

    expect(() => transport.deliver(encodeFrame(1, FrameType.event, '{}', NOTHING, false))).not.toThrow();
  });
});
