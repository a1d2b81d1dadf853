import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { expectFilled, TestContext } from '../support/test-context.js';
import type { TestSession } from '../support/test-session.js';

/** As it is by default. */
const MAX_RESULT_BYTES = 8_388_608;

const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session({ language: 'nodejs' });
});

afterEach(async () => {
  const { contexts } = await server.client.call('context.list', { sessionId: session.id });
  await Promise.all(contexts.map(({ contextId }: any) => server.client.call('context.close', { contextId })));
});

const context = (language = 'javascript'): Promise<TestContext> =>
  TestContext.create(server.client, session.id, { language });
const text = ({ results, error }: any): unknown => error ?? results.map((shown: any) => shown['text/plain']);

describe('a context of JavaScript', () => {
  it('keeps what a cell declares, and lets it be declared again', async () => {
    const node = await context();

    expect(
      await node.run('const a = 1; let b = 2; class C { get c() { return a + b } }\nfunction f(x) { return x * b }'),
    ).toMatchObject({ results: [], error: null, executionCount: 1 });
    expect(text(await node.run('[a, b, new C().c, f(21)]'))).toEqual(['[ 1, 2, 3, 42 ]']);
    expect(text(await node.run('const a = 5; let b; class C {}\na + f(1)'))).toEqual(['NaN']);
    expect(text(await node.run('_'))).toEqual(['NaN']);
    expect(text(await node.run('{ a, list: [1] }'))).toEqual(['{ a: 5, list: [ 1 ] }']);
  });

  it('may await at the top, and import', async () => {
    const node = await context();
    await session.ok('write_file', { path: 'own.mjs', content: 'export const one = 1; export default "d"' });

    await node.run(AWAITS);

    expect(
      text(await node.run('[x, y, z, i, n, typeof later, new K().k, basename("/a/b"), one, all.default]')),
    ).toEqual(["[ 1, 2, 3, 3, 6, 'function', 7, 'b', 1, 'd' ]"]);
    expect(text(await node.run('await later(9)'))).toEqual(['9']);
    expect(text(await node.run('const fs = require("fs"); fs.existsSync("own.mjs")'))).toEqual(['true']);
  });

  it('has put out all that a cell printed before it answers, and before it exits', async () => {
    const [node, other] = [await context(), await context()];

    const [long, lines, next] = await Promise.all([
      node.run('console.log("x".repeat(3_000_000))'),
      node.run('for (let n = 0; n < 20_000; n++) console.error("a line that is written by itself")'),
      node.run('console.log("next")'),
    ]);
    expect(long).toMatchObject({ stdoutBytes: 3_000_001, stderrBytes: 0, truncated: true });
    expect(lines).toMatchObject({ stdoutBytes: 0, stderrBytes: 660_000 });
    expect(next).toMatchObject({ stdout: 'next\n', stderr: '' });
    expect(await other.run('console.log("y".repeat(500_000)); process.exit(3)')).toMatchObject({
      stdoutBytes: 500_001,
      contextEnded: true,
    });
  });

  it('tells output, results and exceptions apart', async () => {
    const node = await context();
    const forged = '{"done":1,"count":99,"error":null}\\n';

    const result = await node.run(`console.log('${forged}')\nconsole.error('err')\nnull.x`);

    expect(result).toMatchObject({ stdout: '{"done":1,"count":99,"error":null}\n\n', stderr: 'err\n', results: [] });
    expect(result.error).toMatchObject({ name: 'TypeError' });
    expect(result.error.traceback).toMatch(/cell 1:3/);
    expect(result.error.traceback).not.toMatch(/driver|node:/);
    expect((await node.run('1 +')).error).toMatchObject({ name: 'SyntaxError' });
    expect((await node.run('throw 7')).error).toMatchObject({ name: 'number', message: '7' });
    expect((await node.run('export const a = 1')).error).toMatchObject({ name: 'SyntaxError' });
    expect(text(await node.run('1;'))).toEqual(['1']);
    expect(text(await node.run('1\n2 // and no more'))).toEqual(['2']);
    expect(text(await node.run("'let it be'"))).toEqual(["'let it be'"]);
    expect((await node.run('if (true) 5')).results).toEqual([]);
  });

  it('survives what throws when it is looked at', async () => {
    const node = await context();

    for (const thrown of [
      '{ get message() { throw 1 } }',
      '{ get code() { throw 1 } }',
      'new Proxy({}, { has() { throw 1 } })',
    ]) {
      expect(await node.run(`throw ${thrown}`)).toMatchObject({ endReason: 'exited', error: {}, contextEnded: false });
    }
    expect(text(await node.run('1;;'))).toEqual(['1']);
  });

  it('means the same with an await in it as without', async () => {
    const node = await context();

    for (const [code, shown] of [
      ['({ a: await 1 }) // and no more', '{ a: 1 }'],
      ['(1, await 2);', '2'],
      ['if (await true) var yes = 1; else var yes = 2; yes', '1'],
      ['while (await false) var never = 1\nnever === undefined', 'true'],
      ['#!/usr/bin/env node\nawait 6;;', '6'],
      ["'use strict'; function self() { return this } await 0; typeof self()", "'undefined'"],
      ['const early = sep; import loaded, { sep } from "path"; early + typeof loaded', "'/object'"],
    ]) {
      expect([code, text(await node.run(code!))]).toEqual([code, [shown]]);
    }
    expect((await node.run('import { nope } from "path"')).error).toMatchObject({ name: 'SyntaxError' });
  });

  it('gives every representation that an object offers', async () => {
    const node = await context();

    expect((await node.run(SHOWS)).results).toEqual([
      { 'text/plain': "'first'" },
      {
        'text/plain': 'Shown {}',
        'text/html': '<b>é</b>',
        'image/png': Buffer.from([0x89, 0x50]).toString('base64'),
        'application/json': { a: [1] },
      },
    ]);
  });

  it('hands its channel on to no child', async () => {
    const node = await context();
    const list = 'require("child_process").execFileSync("ls", ["-l", "/proc/self/fd"]).toString()';

    expect(text(await node.run(list))).toEqual([expect.not.stringMatching(/ [3-9]\d* -> socket/)]);
  });

  it.each([
    'while (true);',
    'await new Promise(() => undefined)',
    'const { execSync } = require("child_process"); execSync("sleep 100")',
    'const { spawn } = require("child_process"); await new Promise((end) => spawn("sleep", ["100"]).on("close", end)); 5',
    'const { spawnSync } = require("child_process"); spawnSync("sleep", ["100"]); 5',
  ])('is interrupted in %s, and the state stays', async (code) => {
    const node = await context();
    await node.run('let x = 1');

    expect(await node.run(code, { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      contextEnded: false,
    });
    expect(text(await node.run('x'))).toEqual(['1']);
  });

  it('can be interrupted whatever a cell did to the signal', async () => {
    const node = await context();
    await node.run(
      'let x = 1; const heard = []; process.on("SIGINT", () => heard.push(x)); process.off("SIGINT", f)\nfunction f() {}',
    );

    for (const code of ['while (true);', 'await new Promise(() => undefined)']) {
      expect(await node.run(code, { timeoutMs: 300 })).toMatchObject({ endReason: 'timed_out', contextEnded: false });
    }
    expect(text(await node.run('process.removeAllListeners("SIGINT"); heard'))).toEqual(['[ 1 ]']);
    expect(await node.run('while (true);', { timeoutMs: 300 })).toMatchObject({ contextEnded: false });
    expect(text(await node.run('x'))).toEqual(['1']);
  });

  it('takes its interpreter along where no interrupt reaches it', async () => {
    const node = await context();

    expect(await node.run('await 1; while (true);', { timeoutMs: 300 })).toMatchObject({
      endReason: 'timed_out',
      contextEnded: true,
    });
    await node.call('restart');
    expect(await node.run('process.exit(3)')).toMatchObject({ endReason: 'exited', contextEnded: true });
  });

  it('goes on whatever a cell makes of its globals', async () => {
    const node = await context();
    await node.run(
      'for (const name of ["JSON", "Buffer", "Promise", "Map", "Symbol", "process"]) globalThis[name] = null',
    );

    expect(text(await node.run('[1].concat(JSON)'))).toEqual(['[ 1, null ]']);
    expect((await node.run('missing')).error).toMatchObject({ name: 'ReferenceError' });
  });

  it('survives what is thrown where nobody catches it', async () => {
    const node = await context();

    const { stderr } = await node.run(
      'setTimeout(() => { throw new Error("late") }); Promise.reject(new Error("lost")); await new Promise((r) => setTimeout(r, 50))',
    );

    expect(stderr).toMatch(/lost/);
    expect(stderr).toMatch(/late/);
    expect(text(await node.run('1'))).toEqual(['1']);
  });
});

describe('what is too much', () => {
  it('is cut where the room ends, and said to be', async () => {
    const node = await context();

    const long = await node.run('"x".repeat(20_000_000)');
    expect(long).toMatchObject({ truncated: true, error: null });
    expect(long.results[0]['text/plain'].slice(0, 4)).toBe('"xxx');
    expectFilled(long.results, MAX_RESULT_BYTES);
    expectFilled((await node.run('["x".repeat(9_000_000)]')).results, MAX_RESULT_BYTES);
    const wide = (await node.run('"é✓𝄞\\n".repeat(1_000_000)')).results;
    expect(wide[0]['text/plain'].isWellFormed()).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(wide))).toBeGreaterThan(MAX_RESULT_BYTES - 2_000);
    expect(await node.run('1')).toMatchObject({ truncated: false, results: [{ 'text/plain': '1' }] });
  });

  it('of many small results is left out from where the room ends, and costs the state nothing', async () => {
    const node = await context();
    await node.run('let x = 1');

    const flood = await node.run('for (let i = 0; i < 400_000; i++) display(i); "last"', { timeoutMs: 240_000 });

    expect(flood).toMatchObject({ endReason: 'exited', truncated: true, error: null, contextEnded: false });
    expect(flood.results.slice(0, 2)).toEqual([{ 'text/plain': '0' }, { 'text/plain': '1' }]);
    expectFilled(flood.results, MAX_RESULT_BYTES);
    expect(await node.run('x')).toMatchObject({ results: [{ 'text/plain': '1' }], truncated: false });
  });
});

describe('a context of TypeScript', () => {
  it('shows the last value behind a namespace, which it keeps', async () => {
    const node = await context('typescript');

    expect(text(await node.run('namespace M { export const q = 4 }\nM.q'))).toEqual(['4']);
    expect(text(await node.run('namespace N { export const q = 5 }\nawait 1; N.q'))).toEqual(['5']);
    expect(text(await node.run('namespace A { const b = 1 }'))).toEqual([]);
  });

  it('takes what begins as an object for one, as JavaScript does', async () => {
    const node = await context('typescript');

    expect(text(await node.run('{a:1}'))).toEqual(['{ a: 1 }']);
    expect(text(await node.run('{ a: 1 as number, b: [2] }'))).toEqual(['{ a: 1, b: [ 2 ] }']);
    expect(text(await node.run('{ let a: number = 1; a + 1 }\n7'))).toEqual(['7']);
  });

  it('says where code is wrong, in the words of the code', async () => {
    const node = await context('typescript');

    const { error } = await node.run('1\nlet x: = 3');

    expect(error.name).toBe('SyntaxError');
    expect(error.traceback).toMatch(/^cell 1:2\n1\nlet x: = 3\n {7}\^\n\nSyntaxError: /);
    expect(error.traceback).not.toMatch(/ERR_|node:|code:/);
  });

  it('understands types, enums and all', async () => {
    const node = await context('typescript');

    await node.run('enum Colour { Red = 3 }\ninterface Has { a: number }\nconst has: Has = { a: Colour.Red }');
    expect(text(await node.run('has.a satisfies number'))).toEqual(['3']);
    expect(text(await node.run('const p: Promise<number> = Promise.resolve(4); await p'))).toEqual(['4']);
    expect((await node.run('let : number')).error).toMatchObject({ name: expect.stringContaining('Error') as string });
  });
});

const AWAITS = `
import { basename } from 'node:path'
import d, * as all from './own.mjs'
import { one } from './own.mjs'
const x = await Promise.resolve(1)
let [y, { z }] = [2, { z: 3 }], n = 0
for (var i = 0; i < 3; i++) n += await (i + 1)
async function later(value) { await null; return value }
class K { k = 7 }
`;

const SHOWS = `
class Shown {
  _repr_html_() { return '<b>é</b>' }
  _repr_png_() { return new Uint8Array([0x89, 0x50]) }
  _repr_latex_() { throw new Error() }
  [Symbol.for('Jupyter.display')]() { return { 'application/json': { a: [1] } } }
}
display('first')
new Shown()
`;
