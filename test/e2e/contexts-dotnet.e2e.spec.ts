import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { TestContext } from '../support/test-context.js';
import type { TestSession } from '../support/test-session.js';

const server = useServer();
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
    const shown: string = long.results[0]['text/plain'];
    // The quote in front of it takes six bytes as JSON, beside those around the whole.
    expect([shown.slice(0, 4), shown.length]).toEqual(['"xxx', 1 + 8_388_600]);
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
