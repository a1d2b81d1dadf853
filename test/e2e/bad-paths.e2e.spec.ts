import { beforeAll, describe, expect, it } from 'vitest';

import { useBystander } from '../support/bystander.js';
import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';

const server = useServer();
useBystander(server);

describe('a path', () => {
  let session: TestSession;
  beforeAll(async () => {
    session = await server.session();
  });

  const ESCAPES = ['../../etc/passwd', '/workspace/../etc/passwd', '..', 'a/../../etc/passwd', '/workspace/..'];
  it.each(ESCAPES)('that climbs out of the workspace is refused by every command: %s', async (path) => {
    const commands = [
      { type: 'read_file', path },
      { type: 'write_file', path, content: 'x' },
      { type: 'write_file', path, content: 'x', mode: 'Append' },
      { type: 'stat_file', path },
      { type: 'list_directory', path },
      { type: 'create_directory', path },
      { type: 'delete_file', path, recursive: true },
      { type: 'copy_file', sourcePath: path, destinationPath: 'stolen' },
      { type: 'copy_file', sourcePath: '.', destinationPath: path, recursive: true },
      { type: 'move_file', sourcePath: path, destinationPath: 'stolen' },
    ];
    for (const command of commands) {
      expect(await server.client.execute(session.id, command), JSON.stringify(command)).toMatchObject({
        success: false,
        error: expect.any(String),
        errorCode: 'invalid_path',
      });
    }
    expect(await session.sh('ls -A')).toBe('');
  });

  it('that dots around within the workspace is a path like any other', async () => {
    await session.ok('write_file', { path: './a/./b/../c', content: 'x' });
    expect(await session.ok('read_file', { path: '/workspace//a/c' })).toMatchObject({ content: 'x' });
    await session.ok('delete_file', { path: 'a', recursive: true });
  });

  it.each([
    '//',
    '/',
    '/./',
    '/../',
    '/tmp/../',
    '/proc/self/root',
    '/proc/self/cwd/../..',
    '/dev/fd/0',
    '/proc/1/mem',
  ])('such as %s gets a clear answer from every command and harms nothing', async (path) => {
    for (const command of [
      { type: 'read_file', path },
      { type: 'write_file', path, content: 'x' },
      { type: 'stat_file', path },
      { type: 'list_directory', path, limit: 10 },
      { type: 'create_directory', path },
      { type: 'delete_file', path, recursive: true },
    ]) {
      const reply = await server.client.execute(session.id, command);
      if (reply.success) expect(['stat_file', 'list_directory', 'create_directory']).toContain(command.type);
      else
        expect(reply).toMatchObject({
          error: expect.stringMatching(/\w+/),
          errorCode: expect.stringMatching(/^[a-z0-9_]+$/),
        });
    }
    expect(await session.sh('echo fine')).toBe('fine\n');
  });

  const NAMES = [
    'x'.repeat(255),
    'é'.repeat(127),
    'two\nlines',
    '-rf',
    '--help',
    '*',
    '$(touch hacked)',
    ';reboot',
    ' ',
    '\\',
    '"\'`',
    '\t\u001b[31m\u0007',
    '…',
    '\u202egnp.exe',
    '...',
    '~',
    '%2e%2e',
    '.hidden',
  ];
  it.each(NAMES)('whose name is %j is a path like any other', async (name) => {
    expect(await session.ok('write_file', { path: name, content: 'content' })).toMatchObject({
      path: `/workspace/${name}`,
    });
    const { entries } = await session.ok('list_directory', { includeHidden: true });
    expect(entries).toMatchObject([{ name, path: `/workspace/${name}`, type: 'file', size: 7 }]);
    expect(await session.ok('read_file', { path: entries[0].path })).toMatchObject({ content: 'content' });
    expect(await session.ok('stat_file', { path: name })).toMatchObject({ name });
    await session.ok('copy_file', { sourcePath: name, destinationPath: 'copy' });
    await session.ok('delete_file', { path: name });
    await session.ok('move_file', { sourcePath: 'copy', destinationPath: name });
    expect(await session.ok('read_file', { path: name })).toMatchObject({ content: 'content' });
    await session.ok('delete_file', { path: name });
    expect(await session.sh('ls -A')).toBe('');
  });

  it.each(['x'.repeat(256), `${'é'.repeat(127)}xx`])(
    'with a name of 256 bytes is refused as too long',
    async (name) => {
      for (const command of [
        { type: 'write_file', path: name, content: 'x' },
        { type: 'read_file', path: name },
        { type: 'stat_file', path: name },
        { type: 'create_directory', path: name },
        { type: 'delete_file', path: name },
      ]) {
        expect(await server.client.execute(session.id, command)).toMatchObject({
          success: false,
          errorCode: 'name_too_long',
        });
      }
    },
  );

  it('whose name a program made of bytes that are not UTF-8 is listed with its bytes, and can be removed', async () => {
    const names = [Buffer.from([0xff, 0xfe, 0x2e, 0x78]), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from([0x61, 0xc3])];
    const hex = names.map((name) => name.toString('hex'));
    const make =
      "import os, sys\nos.mkdir('odd')\nfor name in sys.argv[1:]: open(b'odd/' + bytes.fromhex(name), 'w').write('x')";
    await session.python(make, ...hex);
    const { entries } = await session.ok('list_directory', { path: 'odd' });
    expect(entries.map(({ nameBase64 }: any) => Buffer.from(nameBase64, 'base64').toString('hex')).sort()).toEqual(
      hex.sort(),
    );
    for (const { name, size, type } of entries) {
      expect(name).toContain('\u{fffd}');
      expect({ size, type }).toEqual({ size: 1, type: 'file' });
      // The shown name is not the file's: that it is not there is the answer, and no other file is taken for it.
      expect(await session.do('read_file', { path: `odd/${name}` })).toMatchObject({ errorCode: 'not_found' });
    }
    await session.ok('delete_file', { path: 'odd', recursive: true });
    expect(await session.sh('ls -A')).toBe('');
  });

  it('with half of a character in it is refused, or kept under the name that the answer gives', async () => {
    const answer = await server.client.raw(
      `{"jsonrpc":"2.0","id":"half","method":"session.execute","params":{"sessionId":"${session.id}","command":{"type":"write_file","path":"a\\ud800b","content":"x"}}}`,
    );
    if (answer.error) expect(answer.error.code).toBe(-32602);
    else if (answer.result.success) {
      const { path } = answer.result.result;
      expect(await session.ok('read_file', { path })).toMatchObject({ content: 'x' });
      await session.ok('delete_file', { path });
    }
    expect(await session.sh('ls -A')).toBe('');
  });
});
