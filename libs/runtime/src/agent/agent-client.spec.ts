import { describe, expect, it, vi } from 'vitest';

import { arrived, FakeAgent, type FakeMethod, isPending, processEnd } from '../testing/fake-agent.js';
import { AgentChannel } from './agent-channel.js';
import { AgentClient } from './agent-client.js';
import { AgentError, ChannelLostError } from './agent-error.js';
import type { FileEntry, OutputChunk } from './agent-types.js';
import { FrameTooLargeError, INITIAL_CREDIT_BYTES, MAX_DATA_BYTES } from './frames.js';

const SPEC = { processId: 'p1', args: ['cat'], env: { A: 'b' }, cwd: '/workspace' };
const LIST = { recursive: false, includeHidden: false, limit: 100 };

async function client(methods: Record<string, FakeMethod> = {}) {
  const agent = new FakeAgent();
  for (const [method, handle] of Object.entries(methods)) agent.on(method, handle);
  const { channel } = await AgentChannel.open(agent.attach(), { resync: false, timeoutMs: 1_000 });
  return { agent, client: new AgentClient(() => channel) };
}

describe('AgentClient.run', () => {
  it('resolves with the end, however the program ended', async () => {
    const end = processEnd({ endReason: 'signaled', exitCode: null, signal: 'SIGSEGV' });
    const { client: agent } = await client({ run: (exchange) => exchange.respond(end) });

    expect(await agent.run(SPEC)).toEqual(end);
  });

  it('gives a program without input a closed stdin, in one frame', async () => {
    const { agent: fake, client: agent } = await client();
    await agent.run(SPEC);

    const [run] = fake.requests('run');
    expect(run?.head).toEqual({ method: 'run', ...SPEC, stdin: 'closed' });
    expect(run?.frameBytes).toEqual([0]);
    expect(await run?.allData).toHaveLength(0);
  });

  it('feeds stdin to its end', async () => {
    const stdin = Buffer.alloc(INITIAL_CREDIT_BYTES * 2 + 5, 'abc');
    const { agent: fake, client: agent } = await client({
      run: async (exchange) => exchange.respond(processEnd({ stdoutBytes: (await exchange.allData).length })),
    });

    expect((await agent.run(SPEC, { stdin })).stdoutBytes).toBe(stdin.length);
    expect(fake.requests('run')[0]?.head['stdin']).toBe('open');
    expect((await fake.requests('run')[0]?.allData)?.equals(stdin)).toBe(true);
    expect(fake.violations).toEqual([]);
  });

  it('closes an empty stdin', async () => {
    const { client: agent } = await client({
      run: async (exchange) => {
        await exchange.allData;
        exchange.respond(processEnd());
      },
    });

    await expect(agent.run(SPEC, { stdin: Buffer.alloc(0) })).resolves.toMatchObject({ exitCode: 0 });
  });

  it('ends though the program never reads its stdin', async () => {
    const { client: agent } = await client({
      run: (exchange) => {
        exchange.grantsAtOnce = false;
        exchange.respond(processEnd({ exitCode: 3 }));
      },
    });

    expect((await agent.run(SPEC, { stdin: Buffer.alloc(INITIAL_CREDIT_BYTES * 3) })).exitCode).toBe(3);
  });

  it('hands output on with its stream, its number and its place', async () => {
    const chunks: (Omit<OutputChunk, 'data'> & { text: string })[] = [];
    const { client: agent } = await client({
      run: async (exchange) => {
        await exchange.output('stdout', 'one');
        await exchange.output('stderr', 'two');
        await exchange.output('stdout', 'three');
        exchange.respond(processEnd());
      },
    });
    await agent.run(SPEC, { onOutput: ({ data, ...chunk }) => void chunks.push({ ...chunk, text: data.toString() }) });

    expect(chunks).toEqual([
      { stream: 'stdout', seq: 0, offset: 0, text: 'one' },
      { stream: 'stderr', seq: 1, offset: 0, text: 'two' },
      { stream: 'stdout', seq: 2, offset: 3, text: 'three' },
    ]);
  });

  it('holds the program up while its output is not taken', async () => {
    let take!: () => void;
    const taken = new Promise<void>((resolve) => (take = resolve));
    let isDone = false;
    const { client: agent } = await client({
      run: async (exchange) => {
        for (let sent = 0; sent < INITIAL_CREDIT_BYTES * 2; sent += 65_536) {
          await exchange.output('stdout', Buffer.alloc(65_536));
        }
        isDone = true;
        exchange.respond(processEnd());
      },
    });
    const running = agent.run(SPEC, { onOutput: () => taken });
    expect(await isPending(running)).toBe(true);
    expect(isDone).toBe(false);

    take();
    await running;
    expect(isDone).toBe(true);
  });

  it.each([
    ['disconnected', 'disconnected'],
    ['cancelled', 'cancelled'],
    ['closed', 'cancelled'],
    [undefined, 'cancelled'],
  ])('tells the agent of an abort because of %j as %s, and gives the end that follows', async (reason, told) => {
    const { agent: fake, client: agent } = await client({
      run: async (exchange) => {
        await exchange.cancelled;
        exchange.respond(processEnd({ endReason: 'cancelled', exitCode: null }));
      },
    });
    const abort = new AbortController();
    const running = agent.run(SPEC, { signal: abort.signal });
    await arrived();
    abort.abort(reason);

    expect((await running).endReason).toBe('cancelled');
    expect(fake.requests('run')[0]?.cancelReason).toBe(told);
  });

  it('does not begin when it is aborted already', async () => {
    const { agent: fake, client: agent } = await client();

    await expect(agent.run(SPEC, { signal: AbortSignal.abort('disconnected') })).rejects.toBe('disconnected');
    await arrived();
    expect(fake.received).toEqual([]);
  });

  it('lets go of the signal when the program has ended', async () => {
    const { agent: fake, client: agent } = await client();
    const abort = new AbortController();
    const remove = vi.spyOn(abort.signal, 'removeEventListener');
    await agent.run(SPEC, { signal: abort.signal });
    abort.abort();
    await arrived();

    expect(remove).toHaveBeenCalledTimes(1);
    expect(fake.requests('run')[0]?.cancelReason).toBeUndefined();
  });

  it('rejects when output comes without its head, and ends the program', async () => {
    const { agent: fake, client: agent } = await client({
      run: async (exchange) => exchange.data(Buffer.from('x'), Buffer.alloc(16)),
    });

    await expect(agent.run(SPEC, { onOutput: () => undefined })).rejects.toThrow(AgentError);
    expect(await fake.requests('run')[0]?.cancelled).toBe('cancelled');
  });

  it('rejects when the stream breaks', async () => {
    const { agent: fake, client: agent } = await client({ run: () => undefined });
    const running = agent.run(SPEC);
    await arrived();
    fake.breakLine();

    await expect(running).rejects.toThrow(ChannelLostError);
  });

  it('rejects arguments that no frame holds, without sending a part of them', async () => {
    const { agent: fake, client: agent } = await client();

    await expect(agent.run({ ...SPEC, args: ['echo', 'x'.repeat(300_000)] })).rejects.toThrow(FrameTooLargeError);
    await arrived();
    expect(fake.received).toEqual([]);
  });
});

describe('AgentClient.writeFile', () => {
  it('sends a small file in one frame', async () => {
    const { agent: fake, client: agent } = await client({
      write_file: async (exchange) =>
        exchange.respond({ path: '/workspace/a', bytes: (await exchange.allData).length }),
    });
    const wrote = await agent.writeFile('a', Buffer.from('text'), { mode: 'create', parents: true });

    expect(wrote).toEqual({ path: '/workspace/a', bytes: 4 });
    const [request] = fake.requests('write_file');
    expect(request?.head).toEqual({ method: 'write_file', path: 'a', mode: 'create', parents: true });
    expect(request?.frameBytes).toEqual([4]);
  });

  it.each([0, 1, MAX_DATA_BYTES - 1, MAX_DATA_BYTES, MAX_DATA_BYTES + 1, INITIAL_CREDIT_BYTES, 1_000_003])(
    'sends a file of %i bytes whole, within its credits, with exactly one end',
    async (size) => {
      const content = Buffer.alloc(size, 'codebeaker');
      let heard: Buffer | undefined;
      const { agent: fake, client: agent } = await client({
        write_file: async (exchange) => {
          heard = await exchange.allData;
          exchange.respond({ path: '/workspace/big', bytes: heard.length });
        },
      });

      expect((await agent.writeFile('big', content, { mode: 'create', parents: false })).bytes).toBe(size);
      expect(heard?.equals(content)).toBe(true);
      expect(Math.max(...(fake.requests('write_file')[0]?.frameBytes ?? []))).toBeLessThanOrEqual(MAX_DATA_BYTES);
      expect(fake.violations).toEqual([]);
    },
  );

  it('stops sending when the agent refuses in the middle', async () => {
    const { agent: fake, client: agent } = await client({
      write_file: (exchange) => {
        exchange.grantsAtOnce = false;
        exchange.refuse('no_space', 'the disk is full', { errno: 'ENOSPC' });
      },
    });

    await expect(
      agent.writeFile('big', Buffer.alloc(10_000_000), { mode: 'create', parents: true }),
    ).rejects.toMatchObject({ code: 'no_space' });
    await arrived();
    expect(fake.requests('write_file')[0]?.receivedSoFar).toBeLessThanOrEqual(INITIAL_CREDIT_BYTES);
  });

  it('cancels a write that its caller no longer wants', async () => {
    const { client: agent } = await client({
      write_file: async (exchange) => {
        exchange.grantsAtOnce = false;
        exchange.refuse('cancelled', await exchange.cancelled);
      },
    });
    const abort = new AbortController();
    const content = Buffer.alloc(1_000_000);
    const writing = agent.writeFile('big', content, { mode: 'create', parents: true }, { signal: abort.signal });
    await arrived();
    abort.abort('disconnected');

    await expect(writing).rejects.toMatchObject({ code: 'cancelled', message: 'disconnected' });
  });
});

describe('AgentClient.readFile', () => {
  it('joins what comes as data', async () => {
    const { client: agent } = await client({
      read_file: async (exchange) => {
        await exchange.data(Buffer.from('one,'));
        await exchange.data(Buffer.from('two'));
        exchange.respond({ path: '/workspace/a', size: 99 });
      },
    });

    expect(await agent.readFile('a', { length: 7 })).toEqual({
      path: '/workspace/a',
      content: Buffer.from('one,two'),
      size: 99,
    });
  });

  it('takes a small file from the response', async () => {
    const { agent: fake, client: agent } = await client({
      read_file: (exchange) => exchange.respond({ path: '/workspace/a', size: 5 }, Buffer.from('small')),
    });

    expect((await agent.readFile('a', { offset: 3, length: 5 })).content.toString()).toBe('small');
    expect(fake.requests('read_file')[0]?.head).toEqual({ method: 'read_file', path: 'a', offset: 3, length: 5 });
  });

  it('reads more than the first credits', async () => {
    const { client: agent } = await client({
      read_file: async (exchange) => {
        for (let part = 0; part < 10; part++) await exchange.data(Buffer.alloc(100_000, part));
        exchange.respond({ path: '/workspace/a', size: 1_000_000 });
      },
    });

    const { content } = await agent.readFile('a', { length: 1_000_000 });
    expect(content).toHaveLength(1_000_000);
    expect(content.at(-1)).toBe(9);
  });

  // An agent that was taken over could fill the server's memory.
  it('takes no more than it asked for', async () => {
    const { client: agent } = await client({
      read_file: async (exchange) => {
        for (let part = 0; part < 10; part++) await exchange.data(Buffer.alloc(10));
        exchange.respond({ path: '/workspace/a', size: 10 });
      },
    });

    await expect(agent.readFile('a', { length: 10 })).rejects.toThrow();
  });
});

describe('AgentClient.listDirectory', () => {
  const entry = (name: string): FileEntry => ({
    name,
    path: `/workspace/${name}`,
    type: 'file',
    size: 1,
    mode: '0644',
    modifiedAt: '2026-01-02T03:04:05Z',
  });
  const entries = [entry('a'), entry('größe ☃.txt'), entry('😀'), entry('line\nbreak')];
  const lines = Buffer.from(entries.map((each) => `${JSON.stringify(each)}\n`).join(''));

  it('gives every entry whole wherever the lines are split', async () => {
    const { agent: fake, client: agent } = await client();
    for (let at = 0; at <= lines.length; at++) {
      fake.on('list_directory', async (exchange) => {
        await exchange.data(lines.subarray(0, at));
        await exchange.data(lines.subarray(at));
        exchange.respond({ path: '/workspace', nextCursor: null });
      });

      expect((await agent.listDirectory('.', LIST)).entries, `split at ${at}`).toEqual(entries);
    }
  });

  it('gives entries that come byte by byte, the last of them with the response', async () => {
    const { client: agent } = await client({
      list_directory: async (exchange) => {
        for (const byte of lines.subarray(0, -9)) await exchange.data(Buffer.from([byte]));
        exchange.respond({ path: '/workspace', nextCursor: 'more' }, lines.subarray(-9));
      },
    });

    expect(await agent.listDirectory('.', LIST)).toEqual({ path: '/workspace', entries, nextCursor: 'more' });
  });

  it('is empty for an empty directory', async () => {
    const { client: agent } = await client({
      list_directory: (exchange) => exchange.respond({ path: '/workspace/empty' }),
    });

    expect(await agent.listDirectory('empty', LIST)).toEqual({
      path: '/workspace/empty',
      entries: [],
      nextCursor: null,
    });
  });

  it('rejects a line that is not JSON instead of leaving it out', async () => {
    const { client: agent } = await client({
      list_directory: async (exchange) => {
        await exchange.data(Buffer.from('{"name":\n'));
        exchange.respond({ path: '/workspace' });
      },
    });

    await expect(agent.listDirectory('.', LIST)).rejects.toThrow(SyntaxError);
  });
});

describe('AgentClient', () => {
  it.each<[string, (agent: AgentClient) => Promise<unknown>, object, object, unknown]>([
    ['ping', (agent) => agent.ping(), {}, {}, undefined],
    [
      'stat_file',
      (agent) => agent.statFile('a'),
      { path: 'a' },
      { name: 'a', type: 'file' },
      { name: 'a', type: 'file' },
    ],
    [
      'create_directory',
      (agent) => agent.createDirectory('d', true),
      { path: 'd', recursive: true },
      { path: '/workspace/d', created: false },
      { path: '/workspace/d', created: false },
    ],
    [
      'copy_file',
      (agent) => agent.copyFile('a', 'b', { overwrite: false, recursive: true }),
      { source: 'a', destination: 'b', overwrite: false, recursive: true },
      { source: '/workspace/a', destination: '/workspace/b', bytes: 7 },
      { source: '/workspace/a', destination: '/workspace/b', bytes: 7 },
    ],
    [
      'move_file',
      (agent) => agent.moveFile('a', 'b', { overwrite: true }),
      { source: 'a', destination: 'b', overwrite: true },
      { source: '/workspace/a', destination: '/workspace/b' },
      { source: '/workspace/a', destination: '/workspace/b' },
    ],
    [
      'delete_file',
      (agent) => agent.deleteFile('d', true),
      { path: 'd', recursive: true },
      { path: '/workspace/d', deleted: true },
      { path: '/workspace/d', deleted: true },
    ],
    ['kill', (agent) => agent.kill('p1'), { processId: 'p1', reason: 'killed' }, { killed: 3 }, { killed: 3 }],
  ])('asks %s as PROTOCOL.md names it', async (method, call, sent, answer, result) => {
    const { agent: fake, client: agent } = await client({ [method]: (exchange) => exchange.respond(answer) });

    expect(await call(agent)).toEqual(result);
    expect(fake.received.map(({ head }) => head)).toEqual([{ method, ...sent }]);
  });

  it('keeps a claim with the agent and gets it back with what the agent knows', async () => {
    const { agent: fake, client: agent } = await client();
    await agent.claim(Buffer.from('who'), 60_000);

    expect(fake.selfDestructMs).toBe(60_000);
    expect(await agent.info()).toMatchObject({ claim: Buffer.from('who'), processes: [], pids: 1 });
  });

  it('rejects with what the agent refused', async () => {
    const { client: agent } = await client({
      stat_file: (exchange) => exchange.refuse('not_found', 'there is no a'),
    });

    await expect(agent.statFile('a')).rejects.toMatchObject({ name: 'AgentError', code: 'not_found' });
  });

  it('rejects when there is no line to the agent', async () => {
    const agent = new AgentClient(() => {
      throw new ChannelLostError();
    });

    await expect(agent.ping()).rejects.toThrow(ChannelLostError);
  });
});
