import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';

const server = useServer();
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

const write = (path: string, content: string): Promise<unknown> => session.ok('write_file', { path, content });
const read = async (path: string): Promise<string> => (await session.ok('read_file', { path })).content;

describe('diff and apply_patch', () => {
  it('undo each other', async () => {
    const [before, after] = ['a\nb\nc\n', 'a\nB\nc\nd\n'];
    await write('one/x.txt', before);
    const difference = await session.ok('diff', { sourcePath: 'one/x.txt', content: after });
    expect(difference).toMatchObject({ addedLines: 2, removedLines: 1, identical: false });

    expect(await session.ok('apply_patch', { patch: difference.diff, dryRun: true })).toMatchObject({
      filesPatched: 1,
    });
    expect(await read('one/x.txt')).toBe(before);
    expect(await session.ok('apply_patch', { patch: difference.diff })).toEqual({
      filesPatched: 1,
      hunksApplied: 1,
      hunksFailed: 0,
      rejects: [],
      dryRun: false,
    });
    expect(await read('one/x.txt')).toBe(after);
    expect(await session.ok('diff', { sourcePath: 'one/x.txt', content: after })).toMatchObject({
      diff: '',
      identical: true,
    });
  });

  it('understand what git writes, with files that are new and files that go', async () => {
    await write('old.txt', 'gone\n');
    await session.ok('apply_patch', { patch: GIT });

    expect(await read('made/new.txt')).toBe('one\ntwo');
    expect((await session.do('stat_file', { path: 'old.txt' })).errorCode).toBe('not_found');
  });

  it('tell which hunks do not fit, and apply the others', async () => {
    await write('x.txt', 'a\nb\n');
    const patch = '--- a/x.txt\n+++ b/x.txt\n@@ -1 +1 @@\n-a\n+A\n@@ -2 +2 @@\n-z\n+Z\n';

    const reply = await session.do('apply_patch', { patch });

    expect(reply).toMatchObject({ success: false, errorCode: 'patch_rejected' });
    expect(reply.result).toMatchObject({
      hunksApplied: 1,
      hunksFailed: 1,
      rejects: [{ path: '/workspace/x.txt', hunk: '@@ -2 +2 @@\n-z\n+Z' }],
    });
    expect(await read('x.txt')).toBe('A\nb\n');
  });

  it('refuse what is no text, no patch, or not there', async () => {
    await session.sh('printf "\\377\\376" > binary; printf "\\376" > other');

    expect((await session.do('diff', { sourcePath: 'binary', destinationPath: 'other' })).errorCode).toMatch(
      /not_text|diff_failed/,
    );
    expect((await session.do('diff', { sourcePath: 'nothing', content: '' })).errorCode).toBe('not_found');
    expect((await session.do('diff', { sourcePath: 'x.txt', destinationPath: '-' })).errorCode).toBe('not_found');
    expect((await session.do('diff', { sourcePath: 'x.txt', destinationPath: '.' })).errorCode).toBe('is_a_directory');
    expect((await session.do('diff', { sourcePath: '/dev/zero', content: '' })).errorCode).toBe('special_file');
    expect((await session.do('diff', { sourcePath: 'x.txt' })).errorCode).toBe('bad_request');
    const both = await session.do('diff', { sourcePath: 'x.txt', destinationPath: 'y.txt', content: '' });
    expect(both).toMatchObject({ errorCode: 'bad_request', error: 'Give destinationPath or content, not both.' });
    expect((await session.do('apply_patch', { patch: 'hello' })).errorCode).toBe('bad_patch');
    const outside = '--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n';
    expect((await session.do('apply_patch', { patch: outside })).result).toMatchObject({ hunksApplied: 0 });
  });
});

describe('install_packages', () => {
  it('installs from an index that the session can reach, for programs and for contexts', async () => {
    const own = await server.session({ env: { PIP_INDEX_URL: 'http://127.0.0.1:8099/simple' } });
    const { contextId } = await server.client.call('context.create', { sessionId: own.id });
    await own.python(MAKES_A_WHEEL);
    const serve = { commandName: 'python3', args: ['-m', 'http.server', '8099', '-d', 'index', '-b', '127.0.0.1'] };
    await server.client.call('process.start', { sessionId: own.id, ...serve, attach: false });
    await own.python(WAITS_FOR_THE_INDEX);

    expect(await own.ok('install_packages', { packages: ['demo==1.0'] })).toMatchObject({ exitCode: 0 });

    expect(await own.python('import demo; print(demo.answer)')).toBe('42\n');
    expect(await server.client.call('context.execute', { contextId, code: 'import demo\ndemo.answer' })).toMatchObject({
      results: [{ 'text/plain': '42' }],
    });
    await own.close();
  });

  it('says plainly that there is no network', async () => {
    const reply = await session.do('install_packages', { packages: ['numpy'] });

    expect(reply).toMatchObject({ success: false, errorCode: 'no_network', result: { endReason: 'exited' } });
    expect(reply.error).toContain('no network');
  });

  it('says of a file of requirements that is missing just that', async () => {
    const reply = await session.do('install_packages', { requirementsFile: 'nowhere/requirements.txt' });

    expect(reply).toMatchObject({ success: false, errorCode: 'not_found', result: null });
    expect(reply.error).toContain('/workspace/nowhere/requirements.txt');
  });

  it('takes no option and no other language', async () => {
    const command = { type: 'install_packages', packages: ['--index-url=http://evil.example'] };
    const { data } = await server.client.refusal('session.execute', { sessionId: session.id, command });
    expect(data['reason']).toBe('invalid_params');
    expect((await session.do('install_packages', {})).errorCode).toBe('nothing_to_install');

    const go = await server.session({ language: 'go' });
    expect((await go.do('install_packages', { packages: ['x'] })).errorCode).toBe('unsupported_language');
    await go.close();
  });

  it('installs for Node.js below /workspace', async () => {
    const node = await server.session({ language: 'nodejs' });
    await node.ok('write_file', { path: 'demo/package.json', content: '{"name":"demo","version":"1.0.0"}' });
    await node.ok('write_file', { path: 'demo/index.js', content: 'module.exports = 42' });

    await node.ok('install_packages', { packages: ['./demo'] });

    expect((await node.ok('execute_code', { code: 'console.log(require("demo"))' })).stdout).toBe('42\n');
    await node.close();
  });
});

const GIT = `diff --git a/old.txt b/old.txt
deleted file mode 100644
index 1..0
--- a/old.txt
+++ /dev/null
@@ -1 +0,0 @@
-gone
diff --git a/made/new.txt b/made/new.txt
new file mode 100644
--- /dev/null
+++ b/made/new.txt
@@ -0,0 +1,2 @@
+one
+two
\\ No newline at end of file
`;

const MAKES_A_WHEEL = `
import os, zipfile
os.makedirs('index/simple/demo')
with zipfile.ZipFile('index/simple/demo/demo-1.0-py3-none-any.whl', 'w') as wheel:
    wheel.writestr('demo.py', 'answer = 42')
    wheel.writestr('demo-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n')
    wheel.writestr('demo-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    wheel.writestr('demo-1.0.dist-info/RECORD', '')
`;

const WAITS_FOR_THE_INDEX = `
import socket, time
while socket.socket().connect_ex(('127.0.0.1', 8099)): time.sleep(0.05)
`;
