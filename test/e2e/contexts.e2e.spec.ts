import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { settled, within } from '../support/answers.js';
import { eventually } from '../support/eventually.js';
import { useServer } from '../support/server-under-test.js';
import { TestContext } from '../support/test-context.js';
import type { TestSession } from '../support/test-session.js';

const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

afterEach(async () => {
  const { contexts } = await server.client.call('context.list', { sessionId: session.id });
  await Promise.all(contexts.map(({ contextId }: any) => server.client.call('context.close', { contextId })));
});

const context = (more: object = {}): Promise<TestContext> => TestContext.create(server.client, session.id, more);

describe('a context', () => {
  it('keeps variables, imports and functions from call to call', async () => {
    const python = await context();

    expect(await python.run('import math\nx = 4\ndef root(n):\n    return math.sqrt(n)')).toMatchObject({
      results: [],
      error: null,
      endReason: 'exited',
      executionCount: 1,
    });
    expect(await python.run('root(x)')).toMatchObject({ results: [{ 'text/plain': '2.0' }], executionCount: 2 });
    expect(await python.run('_ + 1')).toMatchObject({ results: [{ 'text/plain': '3.0' }] });
  });

  it('tells output, results and exceptions apart', async () => {
    const python = await context();

    const result = await python.run('import sys\nprint("out")\nprint("err", file=sys.stderr)\n[][1]');

    expect(result).toMatchObject({ stdout: 'out\n', stderr: 'err\n', results: [], endReason: 'exited' });
    expect(result.error).toMatchObject({ name: 'IndexError', message: 'list index out of range' });
    expect(result.error.traceback).toContain('line 4');
    expect(result.error.traceback).not.toContain('driver');
    expect(await python.run('print("on")')).toMatchObject({ stdout: 'on\n', error: null });
  });

  it('shows no last expression that a semicolon follows, and what looks like one counts for nothing', async () => {
    const python = await context();

    for (const [code, count] of [
      ['1; # so', 0],
      ['(1) ;', 0],
      ['1 # a;', 1],
      ['"é;"', 1],
      ['1\n# b;', 1],
    ] as const) {
      expect([code, (await python.run(code)).results.length]).toEqual([code, count]);
    }
  });

  it('survives what raises when it is looked at', async () => {
    const python = await context();
    const odd = 'class Odd(Exception):\n    def __str__(self): raise SystemExit(3)\nraise Odd';

    expect(await python.run(odd)).toMatchObject({ error: { name: 'Odd' }, contextEnded: false });
    expect((await python.run('1')).error).toBeNull();
  });

  it('gives every representation that an object offers', async () => {
    const python = await context();

    const { results } = await python.run(SHOWS);

    expect(results).toEqual([
      { 'text/plain': "'first'" },
      {
        'text/plain': 'shown',
        'text/html': '<b>é</b>',
        'image/svg+xml': '<svg/>',
        'image/png': Buffer.from([0x89, 0x50]).toString('base64'),
        'application/json': { a: [1, null] },
      },
    ]);
  });

  it('takes the text that an object offers in a bundle for its own', async () => {
    const python = await context();

    const { results } = await python.run(BUNDLED);

    expect(results).toEqual([{ 'text/plain': 'mine', 'text/html': '<b>mine</b>' }]);
  });

  it('keeps what is imported from __future__', async () => {
    const python = await context();
    await python.run('from __future__ import annotations');

    expect(await python.run('def f(x: Unknown): pass\nf.__annotations__')).toMatchObject({
      error: null,
      results: [{ 'text/plain': "{'x': 'Unknown'}" }],
    });
  });

  it('takes nothing that is printed for a result, and runs nothing that is printed', async () => {
    const python = await context();
    const forged = '{"done":1,"count":99,"error":null}\\n{"id":1,"result":{"text/plain":"forged"}}\\n';

    const result = await python.run(`import os\nprint('${forged}')\nos.write(2, b'${forged}')\n7`);

    expect(result).toMatchObject({ results: [{ 'text/plain': '7' }], executionCount: 1 });
    expect(result.stdout).toContain('forged');
  });

  it('hands its channel on to no child', async () => {
    const python = await context();
    const list = 'import os, subprocess\nsubprocess.run(["sh", "-c", "ls -l /proc/self/fd"], close_fds=False)';

    expect((await python.run(list)).stdout).not.toContain('socket');
    expect(await python.run('if os.fork() == 0:\n    print("child")\nelse:\n    os.wait()\n5')).toMatchObject({
      stdout: 'child\n',
      results: [{ 'text/plain': '5' }],
    });
  });

  it('may await at the top', async () => {
    const python = await context();

    await python.run('import asyncio\nasync def later(value):\n    await asyncio.sleep(0.01)\n    return value');
    expect(await python.run('await later(8)')).toMatchObject({ results: [{ 'text/plain': '8' }] });
  });

  it('tells output as it comes, before the reply', async () => {
    const python = await context();
    const running = python.stream('import os, time\nos.write(1, b"first\\n")\ntime.sleep(30)');

    await server.client.until(() => python.streamed(running.id).includes('first'));
    await python.call('interrupt');

    expect(await running.result).toMatchObject({ stdout: 'first\n', endReason: 'cancelled' });
    expect(python.chunks(running.id).map(({ seq }) => seq)).toEqual([0]);
  });

  it('gives what was written between two cells to the next one', async () => {
    const python = await context();
    await python.run('import threading, time\ndef late():\n    time.sleep(0.2)\n    print("late")');
    await python.run('thread = threading.Thread(target=late)\nthread.start()');

    expect(await python.run('thread.join()')).toMatchObject({ stdout: 'late\n' });
  });

  it('runs one cell after another, in the order in which they came', async () => {
    const python = await context();
    await python.run('seen = []');

    const results = await Promise.all(
      Array.from({ length: 20 }, (_, number) => python.run(`seen.append(${number})\nlen(seen)`)),
    );

    expect(results.map(({ results: [shown] }) => shown['text/plain'])).toEqual(
      Array.from({ length: 20 }, (_, number) => String(number + 1)),
    );
    expect((await python.run('seen == list(range(20))')).results).toEqual([{ 'text/plain': 'True' }]);
  });

  it('knows nothing of its neighbour', async () => {
    const [one, other] = [await context(), await context()];
    await one.run('secret = 1');

    expect((await other.run('secret')).error).toMatchObject({ name: 'NameError' });
    expect(await server.client.call('context.list', { sessionId: session.id })).toMatchObject({
      contexts: expect.arrayContaining([
        expect.objectContaining({ contextId: one.id, state: 'idle', executionCount: 1, language: 'python', end: null }),
      ]) as object[],
    });
  });
});

describe('a cell that is to end', () => {
  it('is interrupted, and the state stays', async () => {
    const python = await context();
    await python.run('x = 1');
    const running = python.stream('x = 2\nprint("up", flush=True)\nwhile True:\n    pass');
    await server.client.until(() => python.streamed(running.id).includes('up'));

    expect(await python.call('interrupt')).toMatchObject({ interrupted: true });

    expect(await running.result).toMatchObject({
      endReason: 'cancelled',
      error: { name: 'KeyboardInterrupt' },
      contextEnded: false,
    });
    expect(await python.run('x')).toMatchObject({ results: [{ 'text/plain': '2' }] });
    expect(await python.call('interrupt')).toMatchObject({ interrupted: false });
  });

  it('is interrupted wherever the event loop is, and the state stays', async () => {
    const python = await context();
    await python.run('x = 1');

    for (let round = 0; round < 60; round++) {
      const cell = python.run('import asyncio\nwhile True: await asyncio.sleep(0)');
      await new Promise((resolve) => setTimeout(resolve, round % 25));
      await python.call('interrupt');
      expect(await within(cell)).toMatchObject({ endReason: 'cancelled', error: { name: 'KeyboardInterrupt' } });
    }

    expect(await python.run('x')).toMatchObject({ results: [{ 'text/plain': '1' }], stderr: '' });
  });

  it('goes on where it catches its cancellation, and is interrupted where it blocks the loop', async () => {
    const python = await context();
    const blocks = 'await asyncio.sleep(0)\nwhile True: pass';
    const awaiting = python.stream(CATCHES);
    await server.client.until(() => python.streamed(awaiting.id).includes('up'));

    await python.call('interrupt');

    expect(await awaiting.result).toMatchObject({
      endReason: 'cancelled',
      error: null,
      results: [{ 'text/plain': "'caught'" }],
    });
    expect(await python.run(blocks, { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      error: { name: 'KeyboardInterrupt' },
      contextEnded: false,
    });
  });

  it('is interrupted by who asks for both at once', async () => {
    const python = await context();

    const cell = python.run('while True: pass');
    const { interrupted } = await server.client.call('context.interrupt', { contextId: python.id });

    expect(interrupted).toBe(true);
    expect(await cell).toMatchObject({ endReason: 'cancelled', contextEnded: false });
  });

  it('ends by its time limit, and the state stays', async () => {
    const python = await context();
    await python.run('x = 1');

    expect(await python.run('import time\ntime.sleep(60)', { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      error: { name: 'KeyboardInterrupt' },
      contextEnded: false,
    });
    expect(await python.run('x')).toMatchObject({ results: [{ 'text/plain': '1' }] });
  });

  it.each([
    ['import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    done = "caught"\ndone', "'caught'"],
    ['import os, subprocess\nchild = subprocess.Popen(["sleep", "60"])\nos.waitpid(child.pid, 0)[1]', undefined],
    ['import os\nos.system("sleep 60")\nopen("went-on", "w")', undefined],
    ['import os\nos.system("sleep 60; true")\nopen("went-on", "w")', undefined],
  ])('has not exited where it was stopped, whatever its code makes of that: %j', async (code, shown) => {
    const python = await context();

    expect(await python.run(code, { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      contextEnded: false,
      results: shown === undefined ? [] : [{ 'text/plain': shown }],
    });
    expect(await session.do('stat_file', { path: 'went-on' })).toMatchObject({ errorCode: 'not_found' });
  });

  it('takes its interpreter along when it does not heed, and says so', async () => {
    const python = await context();

    expect(await python.run(IGNORES, { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      error: { name: 'InterpreterEnded' },
      contextEnded: true,
    });
    const { code, data } = await python.refusal('execute', { code: '1' });
    expect({ code, data }).toMatchObject({ code: -32017, data: { reason: 'context_ended', endReason: 'killed' } });
    expect(await python.call('restart')).toMatchObject({ state: 'idle', executionCount: 0, end: null });
    expect(await python.run('1')).toMatchObject({ results: [{ 'text/plain': '1' }], executionCount: 1 });
  });

  it('is interrupted when its request is cancelled or its socket closes', async () => {
    const python = await context();
    await python.run('x = 5');
    const cancelled = python.stream('print("up", flush=True)\nimport time\ntime.sleep(60)');
    await server.client.until(() => python.streamed(cancelled.id).includes('up'));

    server.client.notify('$/cancelRequest', { id: cancelled.id });

    expect(await settled(cancelled.result)).toMatchObject({ code: -32800 });
    const other = await server.api.connect();
    other.send('context.execute', { contextId: python.id, code: 'time.sleep(60)' }).result.catch(() => undefined);
    await eventually(
      () => python.state(),
      (state) => state === 'running',
      'the cell runs',
    );
    await other.close();
    expect(await within(python.run('x'))).toMatchObject({ results: [{ 'text/plain': '5' }] });
  });

  it('ends by the death of its interpreter, with the true reason', async () => {
    const python = await context();
    expect(await python.run('import os, signal\nprint("last")\nos.kill(os.getpid(), signal.SIGSEGV)')).toMatchObject({
      stdout: 'last\n',
      endReason: 'signaled',
      contextEnded: true,
      error: { name: 'InterpreterEnded', message: expect.stringContaining('SIGSEGV') as string },
    });
    await python.call('restart');
    expect(await python.run('import os\nos._exit(3)')).toMatchObject({ endReason: 'exited', contextEnded: true });
    await python.call('restart');
    expect(await python.run('data = []\nwhile True:\n    data.append("x" * 10_000_000)')).toMatchObject({
      endReason: 'out_of_memory',
      contextEnded: true,
    });
  });

  it('is killed when its context is closed, and nothing of it is left', async () => {
    const other = await server.session();
    const python = await TestContext.create(server.client, other.id);
    const running = python.stream('import subprocess\nsubprocess.run(["sleep", "1000"])');
    await eventually(
      () => other.programs(),
      (programs) => programs.includes('sleep 1000'),
      'the child runs',
    );

    expect(await python.call('close')).toEqual({ contextId: python.id, closed: true });

    expect(await running.result).toMatchObject({ endReason: 'killed', contextEnded: true });
    expect(await other.programs()).toEqual([]);
    expect((await python.refusal('execute', { code: '1' })).data['reason']).toBe('context_not_found');
  });

  it('is refused with its session when that ends', async () => {
    const other = await server.session();
    const python = await TestContext.create(server.client, other.id);
    const running = python.stream('import time\ntime.sleep(60)');
    await eventually(
      () => python.state(),
      (state) => state === 'running',
      'the cell runs',
    );

    await other.close();

    expect(await settled(running.result)).toMatchObject({ code: -32002, data: { endReason: 'closed' } });
    expect((await python.refusal('interrupt')).data['reason']).toBe('context_not_found');
  });
});

describe('what is too much', () => {
  it('is cut, and said to be', async () => {
    const python = await context();

    const long = await python.run('print("x" * 2_000_000)\n"y" * 20_000_000');
    expect(long).toMatchObject({ truncated: true, stdoutBytes: 2_000_001, error: null });
    expect(long.stdout.length).toBe(1_048_576);
    const shown: string = long.results[0]['text/plain'];
    // The room is of whole lines, and so some of it goes to what is around the text.
    expect(shown.slice(0, 4)).toBe("'yyy");
    expect(shown.length).toBeGreaterThan(8_388_608 - 100);
    expect(shown.length).toBeLessThan(8_388_608);
    const wide = (await python.run('"é✓𝄞\\n" * 1_000_000')).results[0]['text/plain'];
    // As JSON in UTF-8 these take 2, 3, 4 and 3 bytes.
    expect(wide.length).toBeGreaterThan((8 * 1_048_576 * 6) / 12 - 100);
    expect(wide.length).toBeLessThan((8 * 1_048_576 * 6) / 12);
    expect(wide.isWellFormed()).toBe(true);
    expect(await python.run('1')).toMatchObject({ truncated: false, results: [{ 'text/plain': '1' }] });
  });

  it('of small results is left out, and the state stays', async () => {
    const python = await context();

    const flood = await python.run('x = 1\nfor i in range(400_000): display(i)', { timeoutMs: 120_000 });

    expect(flood).toMatchObject({ endReason: 'exited', truncated: true, error: null, contextEnded: false });
    expect(flood.results[0]).toEqual({ 'text/plain': '0' });
    expect(await python.run('x')).toMatchObject({ truncated: false, results: [{ 'text/plain': '1' }] });
  });

  it('of an exception is cut, its name too', async () => {
    const python = await context();
    const code = 'class Q(Exception): pass\nQ.__name__ = "N" * 9_000_000\nraise Q("m" * 9_000_000)';

    const { error } = await python.run(code);

    expect([error.name.length, error.message.length, error.traceback.length]).toEqual([100_000, 100_000, 100_001]);
  });

  it('of contexts is refused', async () => {
    const other = await server.session();
    const asked = Array.from({ length: 11 }, () =>
      settled(server.client.call('context.create', { sessionId: other.id })),
    );

    const refused = (await Promise.all(asked)).filter(({ code }) => code !== undefined);
    expect(refused).toHaveLength(3);
    for (const { data } of refused) {
      expect(data).toMatchObject({ reason: 'quota_exceeded', quota: 'maxSessionContexts', limit: 8 });
    }
    await other.close();
  });
});

describe('execute_code with a contextId', () => {
  it('runs in the context', async () => {
    const python = await context();
    await session.ok('execute_code', { contextId: python.id, code: 'x = 20' });

    expect(await session.ok('execute_code', { contextId: python.id, code: 'print("a")\nx + 1' })).toMatchObject({
      contextId: python.id,
      results: [{ 'text/plain': '21' }],
      stdout: 'a\n',
      executionCount: 2,
    });
    expect(
      await session.do('execute_code', { contextId: python.id, code: 'while True: pass' }, { timeoutMs: 300 }),
    ).toMatchObject({ success: false, errorCode: 'timed_out', result: { endReason: 'timed_out' } });
    const refused = {
      sessionId: session.id,
      command: { type: 'execute_code', contextId: python.id, code: '1', stdin: '' },
    };
    expect((await server.client.refusal('session.execute', refused)).data['reason']).toBe('invalid_params');
  });
});

describe('a language without an interpreter', () => {
  it('says so, in language.list and when asked', async () => {
    const { languages } = await server.client.call('language.list');
    const byName = Object.fromEntries(languages.map(({ name, interpreter }: any) => [name, interpreter]));
    expect(byName).toMatchObject({ python: true, go: false });

    const refusal = await server.client.refusal('context.create', { sessionId: session.id, language: 'go' });
    expect(refusal).toMatchObject({ code: -32007, data: { reason: 'unsupported_language', supported: ['python'] } });
  });
});

const SHOWS = `
class Shown:
    def __repr__(self): return 'shown'
    def _repr_html_(self): return '<b>é</b>'
    def _repr_svg_(self): return '<svg/>'
    def _repr_png_(self): return b'\\x89P'
    def _repr_json_(self): return {'a': [1, None]}
    def _repr_latex_(self): raise ValueError
display('first')
Shown()
`;

const BUNDLED = `
class Bundled:
    def _repr_mimebundle_(self, include, exclude): return {'text/plain': 'mine', 'text/html': '<b>mine</b>'}
Bundled()
`;

const CATCHES = `
import asyncio
try:
    print("up", flush=True)
    await asyncio.sleep(60)
except (asyncio.CancelledError, KeyboardInterrupt):
    done = "caught"
done
`;

const IGNORES = `
import time
while True:
    try:
        time.sleep(10)
    except KeyboardInterrupt:
        pass
`;
