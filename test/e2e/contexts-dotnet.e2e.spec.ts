import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { expectFilled, TestContext } from '../support/test-context.js';
import type { TestSession } from '../support/test-session.js';

const MAX_RESULT_BYTES = 1_048_576;

const server = useServer({ MAX_RESULT_BYTES: `${MAX_RESULT_BYTES}` });
let session: TestSession;

beforeAll(async () => {
  session = await server.session({ language: 'dotnet' });
});

afterEach(async () => {
  const { contexts } = await server.client.call('context.list', { sessionId: session.id });
  await Promise.all(contexts.map(({ contextId }: any) => server.client.call('context.close', { contextId })));
});

const context = (): Promise<TestContext> => TestContext.create(server.client, session.id, { language: 'csharp' });
const text = ({ results, error }: any): unknown => error ?? results.map((shown: any) => shown['text/plain']);

describe('a context of C#', () => {
  it('keeps variables, methods, types and usings, and lets them be declared again', async () => {
    const csharp = await context();

    expect(await csharp.run(DECLARES)).toMatchObject({ results: [], error: null, executionCount: 1 });
    expect(text(await csharp.run('Twice(x) + list.Count + new P().A'))).toEqual(['18']);
    expect(text(await csharp.run('Regex.IsMatch("abc", "b")'))).toEqual(['true']);
    expect(await csharp.run('using static System.Math;')).toMatchObject({ results: [], error: null });
    expect(text(await csharp.run('var x = "again"; x'))).toEqual(['"again"']);
    expect(text(await csharp.run('Sqrt(16)'))).toEqual(['4']);
    expect(text(await csharp.run('await Task.FromResult(list)'))).toEqual(['{ 1, 2, 3 }']);
  });

  it('tells output, results and exceptions apart', async () => {
    const csharp = await context();
    const forged = '{\\"done\\":1,\\"count\\":99,\\"error\\":null}';

    const result = await csharp.run(
      `Console.WriteLine("${forged}");\nConsole.Error.WriteLine("err");\nint y = int.Parse("z");`,
    );

    expect(result).toMatchObject({
      stdout: '{"done":1,"count":99,"error":null}\n',
      stderr: 'err\n',
      results: [],
      endReason: 'exited',
      executionCount: 1,
      error: { name: 'FormatException' },
    });
    expect(result.error.traceback).toContain('cell 1:line 3');
    expect((await csharp.run('for (;;) oops();')).error).toMatchObject({
      name: 'CompilationError',
      traceback: expect.stringContaining('cell 2(1,10): error CS0103') as string,
    });
    expect(text(await csharp.run('y'))).toEqual(['0']);
  });

  it('shows what it is told to, as what it is told to', async () => {
    const csharp = await context();

    expect((await csharp.run('display("a"); display(new byte[] { 1, 2 }, "image/png"); 1.5')).results).toEqual([
      { 'text/plain': '"a"' },
      { 'text/plain': '{ 1, 2 }', 'image/png': 'AQI=' },
      { 'text/plain': '1.5' },
    ]);
  });

  it.each(['application/json', 'application/geo+json'])('takes what is displayed as %s for JSON text', async (mime) => {
    const csharp = await context();
    const code = `
      display("{\\"a\\":\\r\\n[1, \\"é\\", null]}", "${mime}");
      display(Encoding.UTF8.GetBytes("\\"é\\""), "${mime}");
      display("1.50", "${mime}")`;

    const { results, error } = await csharp.run(code);

    expect(error).toBeNull();
    expect(results.map((shown: any) => shown[mime])).toEqual([{ a: [1, 'é', null] }, 'é', 1.5]);
  });

  it('does not pass on as JSON what is none', async () => {
    const csharp = await context();

    for (const data of ['"{a:1}"', '""', '"1 2"', '"NaN"', 'new byte[] { 34, 255, 34 }']) {
      expect(await csharp.run(`display(1); display(${data}, "application/json");`), data).toMatchObject({
        results: [{ 'text/plain': '1' }],
        endReason: 'exited',
        error: { name: 'ArgumentException', message: expect.stringContaining('no valid JSON') as string },
      });
    }
  });

  it('shows what describes itself by null as an empty text', async () => {
    const csharp = await context();
    await csharp.run(DESCRIBES_ITSELF_BY_NULL);

    expect((await csharp.run('display(new R(), "text/html"); display(new F()); new R()')).results).toEqual([
      { 'text/plain': '', 'text/html': '' },
      { 'text/plain': '' },
      { 'text/plain': '' },
    ]);
  });

  it.each([
    ['Message => throw new InvalidOperationException();', '', 'its description failed: InvalidOperationException'],
    ['StackTrace => throw new InvalidOperationException();', 'm', 'its description failed: InvalidOperationException'],
    ['ToString() => throw new InvalidOperationException();', 'm', 'its description failed: InvalidOperationException'],
    ['ToString() => null; public override string Message => null;', '', ''],
  ])('outlives an exception with %s', async (members, message, traceback) => {
    const csharp = await context();
    await csharp.run(`int x = 1; class E : Exception { public E() : base("m") { } public override string ${members} }`);

    expect(await csharp.run('throw new E();')).toMatchObject({
      endReason: 'exited',
      error: { name: 'E', message, traceback },
      contextEnded: false,
    });
    expect(text(await csharp.run('x'))).toEqual(['1']);
  });

  it('is interrupted in an exception that describes itself for ever, and the state stays', async () => {
    const csharp = await context();
    await csharp.run(`int x = 1; ${DESCRIBES_ITSELF_FOR_EVER}`);
    const { id, result } = csharp.stream('throw new Endless();');
    await server.client.until(() => csharp.streamed(id) === 'begun');
    await csharp.call('interrupt');

    expect(await result).toMatchObject({
      endReason: 'cancelled',
      error: { name: 'Endless', message: 'm', traceback: 'its description failed: Interrupted' },
    });
    expect(text(await csharp.run('x'))).toEqual(['1']);
  });

  it('tells of an exception no more than its beginning', async () => {
    const csharp = await context();
    const { error } = await csharp.run(`throw new Exception(new string('m', 3_000_000));`);

    expect([error.message.length, error.traceback.length]).toEqual([100_000, 100_000]);
  });

  it('hands its channel on to no child', async () => {
    const csharp = await context();
    const list = 'System.Diagnostics.Process.Start("ls", "-l /proc/self/fd").WaitForExit()';

    expect((await csharp.run(list)).stdout).toMatch(/ 1 -> /);
    expect((await csharp.run(list)).stdout).not.toContain('socket');
  });

  it.each([
    'while (true) { }',
    'for (;;) try { Thread.Sleep(1); } catch (Exception) { }',
    'Thread.Sleep(60_000)',
    'await Task.Delay(60_000)',
  ])('is interrupted in %s, and the state stays', async (code) => {
    const csharp = await context();
    await csharp.run('int x = 1;');

    expect(await csharp.run(code, { timeoutMs: 1_000 })).toMatchObject({
      endReason: 'timed_out',
      error: { name: 'Interrupted' },
      contextEnded: false,
    });
    expect(text(await csharp.run('x'))).toEqual(['1']);
  });

  it('cuts a result where its room ends, and says so', async () => {
    const csharp = await context();
    const long = await csharp.run("new string('x', 20_000_000)");

    expect(long).toMatchObject({ truncated: true, error: null });
    expect(long.results[0]['text/plain']).toMatch(/^"x+$/);
    expectFilled(long.results, MAX_RESULT_BYTES);
  });

  it('leaves out what has no room beside the text, and shows what comes after it', async () => {
    const csharp = await context();
    const picture = `new byte[${MAX_RESULT_BYTES}]`;

    const { results, truncated } = await csharp.run(`display(${picture}, "image/png"); display("a", "text/html");`);

    expect(truncated).toBe(true);
    expect(results.map(Object.keys)).toEqual([['text/plain'], ['text/plain', 'text/html']]);
  });

  it('survives a flood of results, of which it shows those that have room with all that tells of them', async () => {
    const csharp = await context();
    await csharp.run('int x = 1;');

    const flood = await csharp.run('for (int i = 0; i < 400_000; i++) display(i); "last"', { timeoutMs: 240_000 });

    expect(flood).toMatchObject({ endReason: 'exited', truncated: true, error: null, contextEnded: false });
    expect(flood.results.slice(0, 2)).toEqual([{ 'text/plain': '0' }, { 'text/plain': '1' }]);
    expectFilled(flood.results, MAX_RESULT_BYTES);
    expect(await csharp.run('x')).toMatchObject({ results: [{ 'text/plain': '1' }], truncated: false });
  });

  it('begins anew after a restart, and after it has exited', async () => {
    const csharp = await context();
    await csharp.run('int x = 1;');
    await csharp.call('restart');

    expect((await csharp.run('x')).error).toMatchObject({ name: 'CompilationError' });
    expect(await csharp.run('Environment.Exit(3)')).toMatchObject({ endReason: 'exited', contextEnded: true });
    await csharp.call('restart');
    expect(await csharp.run('1 + 1')).toMatchObject({ results: [{ 'text/plain': '2' }], executionCount: 1 });
  });
});

const DECLARES = `
using System.Text.RegularExpressions;
int x = 4;
var list = new List<int> { 1, 2, 3 };
int Twice(int n) => n * 2;
class P { public int A = 7; }
`;

const DESCRIBES_ITSELF_BY_NULL = `
class R { public override string ToString() => null; }
class F : IFormattable { public string ToString(string format, IFormatProvider provider) => null; }
`;

const DESCRIBES_ITSELF_FOR_EVER = `
class Endless : Exception
{
  public Endless() : base("m") { }
  public override string ToString()
  {
    Console.Write("begun");
    for (;;) { }
  }
}
`;
