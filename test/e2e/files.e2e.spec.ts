import { createHash, randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import { bytesOf, chunksOf, written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const ISO_UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
const MIXED = 'aé€😀'.repeat(5);

const server = useServer();
let box: TestSession;

beforeAll(async () => {
  box = await server.session();
});

/** What every command that did not succeed must look like. */
function expectFailure(reply: any, ...codes: string[]): void {
  expect(reply.success).toBe(false);
  expect(codes).toContain(reply.errorCode);
  expect(reply.error).toMatch(/^\S[^\n]* [^\n]*$/);
  expect(reply.result).toBeNull();
  expect(reply.durationMs).toBeGreaterThanOrEqual(0);
}

async function names(path: string, options: object = {}, session = box): Promise<string[]> {
  const { entries } = await session.ok('list_directory', { path, ...options });
  return entries.map(({ name }: any) => name);
}

async function content(path: string, session = box): Promise<string> {
  return (await session.ok('read_file', { path })).content;
}

function write(path: string, text: string, more: object = {}): Promise<any> {
  return box.do('write_file', { path, content: text, ...more });
}

async function writeAll(...paths: string[]): Promise<void> {
  for (const path of paths) await box.ok('write_file', { path, content: `content of ${path}` });
}

describe('write_file', () => {
  it('makes the file and its parents, and tells the absolute path and the bytes', async () => {
    const reply = await write('write/deep/er/new.txt', 'é€😀');
    expect(reply).toEqual({
      success: true,
      result: { path: '/workspace/write/deep/er/new.txt', bytes: 9 },
      error: null,
      durationMs: expect.any(Number),
    });
    expect(await box.sh('cat write/deep/er/new.txt')).toBe('é€😀');
  });

  it('makes an empty file of no content', async () => {
    expect((await write('write/empty', '')).result).toEqual({ path: '/workspace/write/empty', bytes: 0 });
    expect(await box.ok('stat_file', { path: 'write/empty' })).toMatchObject({ type: 'file', size: 0 });
  });

  it('replaces a file that is there, by default and with mode Create', async () => {
    await write('write/replace', 'the first and longer content');
    await write('write/replace', 'second');
    expect(await content('write/replace')).toBe('second');
    await write('write/replace', '3rd', { mode: 'Create' });
    expect(await content('write/replace')).toBe('3rd');
  });

  it('appends with mode Append, to nothing as well', async () => {
    expect(await write('write/append/new/log', 'one\n', { mode: 'Append' })).toMatchObject({ success: true });
    expect((await write('write/append/new/log', 'zwö\n', { mode: 'Append' })).result.bytes).toBe(5);
    expect(await content('write/append/new/log')).toBe('one\nzwö\n');
  });

  it('replaces with mode Overwrite what is there', async () => {
    await write('write/overwrite', 'old');
    expect(await write('write/overwrite', 'new', { mode: 'Overwrite' })).toMatchObject({ success: true });
    expect(await content('write/overwrite')).toBe('new');
  });

  it('makes with mode CreateNew what was not there', async () => {
    expect(await write('write/create-new/a', 'new', { mode: 'CreateNew' })).toMatchObject({ success: true });
    expect(await content('write/create-new/a')).toBe('new');
  });

  it('writes the bytes that base64 stands for, with line breaks in it and without padding too', async () => {
    const text = ALL_BYTES.toString('base64');
    const broken = text.replace(/.{64}/g, '$&\r\n').replace(/=+$/, '');
    for (const [name, base64] of Object.entries({ text, broken })) {
      const reply = await write(`write/bytes-${name}`, base64, { encoding: 'base64' });
      expect(reply.result).toEqual({ path: `/workspace/write/bytes-${name}`, bytes: 256 });
      const hex = await box.python(
        'import sys; print(open(sys.argv[1], "rb").read().hex(), end="")',
        `write/bytes-${name}`,
      );
      expect(hex).toBe(ALL_BYTES.toString('hex'));
    }
  });

  it('gives the file to the user that programs run as', async () => {
    await write('write/owned', 'x');
    expect(
      await box.python(
        'import os; s = os.stat("write/owned"); print(s.st_uid == os.getuid(), s.st_gid == os.getgid())',
      ),
    ).toBe('True True\n');
  });

  it.each(['Create', 'Append', 'Overwrite'])('keeps the permission bits of a file with mode %s', async (mode) => {
    await write(`write/bits-${mode}`, 'old');
    await box.sh(`chmod 751 write/bits-${mode}`);
    await box.ok('write_file', { path: `write/bits-${mode}`, content: 'new', mode });
    expect(await box.ok('stat_file', { path: `write/bits-${mode}` })).toMatchObject({ mode: '0751' });
  });

  it('follows a link to the file behind it, and leaves the link', async () => {
    await box.sh(
      'mkdir -p write/elsewhere && echo old > write/elsewhere/target && ln -sfn elsewhere/target write/link',
    );
    expect(await write('write/link', 'through the link')).toMatchObject({ success: true });
    expect(await content('write/elsewhere/target')).toBe('through the link');
    expect(await box.ok('stat_file', { path: 'write/link' })).toMatchObject({
      type: 'symlink',
      target: 'elsewhere/target',
    });
  });

  it('replaces a file at once: a reader never sees a part, nor nothing', async () => {
    const SIZE = 600_000;
    const VERSIONS = 12;
    await write('atomic/file', 'a'.repeat(SIZE));
    const reader = `
import os
seen = set()
reads = torn = 0
while not os.path.exists('atomic/stop'):
    with open('atomic/file', 'rb') as file:
        data = file.read()
    reads += 1
    if len(data) != ${SIZE} or data.count(data[:1]) != len(data):
        torn += 1
    if data[:1] not in seen:
        seen.add(data[:1])
        print('saw', data[:1].decode(), flush=True)
print(f'torn {torn} of {reads}')
`;
    const reading = box.stream('execute_shell', { commandName: 'python3', args: ['-c', reader], timeoutMs: 100_000 });
    await written(server.client, reading.id, 'saw a\n');
    const seen = (): number =>
      bytesOf(chunksOf(server.client, reading.id), 'stdout').toString().split('saw').length - 1;
    let writes = 0;
    for (; seen() < VERSIONS && writes < 2_000; writes++) {
      const letter = String.fromCharCode(97 + (writes % 26));
      await box.ok('write_file', { path: 'atomic/file', content: letter.repeat(SIZE) });
    }
    await write('atomic/stop', '');
    const { success, result } = await reading.result;
    expect(success).toBe(true);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(/\ntorn 0 of \d+\n$/);
    expect(seen()).toBeGreaterThanOrEqual(VERSIONS);
    expect(await names('atomic', { includeHidden: true })).toEqual(['file', 'stop']);
  });

  it('says which command it answers when the command carries an id', async () => {
    for (const id of ['mine', 7]) expect(await write('write/id', 'x', { id })).toMatchObject({ success: true, id });
    expect(await write('write/id', 'x', { id: 'bad', mode: 'Overwrite', path: 'write/none' })).toMatchObject({
      success: false,
      id: 'bad',
    });
  });
});

describe('read_file', () => {
  it('gives text by default, with its size in bytes', async () => {
    await write('read/text', MIXED);
    expect(await box.do('read_file', { path: 'read/text' })).toMatchObject({
      success: true,
      error: null,
      result: {
        path: '/workspace/read/text',
        content: MIXED,
        bytes: Buffer.byteLength(MIXED),
        encoding: 'utf8',
        truncated: false,
      },
    });
  });

  it('gives any bytes as base64', async () => {
    await write('read/bytes', ALL_BYTES.toString('base64'), { encoding: 'base64' });
    expect(await box.ok('read_file', { path: 'read/bytes', encoding: 'base64' })).toMatchObject({
      content: ALL_BYTES.toString('base64'),
      bytes: 256,
      encoding: 'base64',
      truncated: false,
    });
  });

  it('gives an empty file as empty', async () => {
    await write('read/empty', '');
    expect(await box.ok('read_file', { path: 'read/empty' })).toMatchObject({
      content: '',
      bytes: 0,
      truncated: false,
    });
  });

  it.each([
    { offset: 0, length: 10, truncated: true },
    { offset: 100, length: 56, truncated: true },
    { offset: 250, length: 6, truncated: false },
    { offset: 250, length: 100, truncated: false },
    { offset: 200, truncated: false },
    { length: 256, truncated: false },
    { length: 255, truncated: true },
    { offset: 10, length: 0, truncated: true },
    { offset: 256, truncated: false },
    { offset: 5_000, length: 5, truncated: false },
  ])('gives the range of offset $offset and length $length', async ({ truncated, ...range }) => {
    await write('read/range', ALL_BYTES.toString('base64'), { encoding: 'base64' });
    const from = range.offset ?? 0;
    const expected = ALL_BYTES.subarray(from, from + (range.length ?? 256));
    expect(await box.ok('read_file', { path: 'read/range', encoding: 'base64', ...range })).toMatchObject({
      content: expected.toString('base64'),
      bytes: expected.length,
      truncated,
    });
  });

  it('never cuts a character at the end of a range, and goes on behind what it gave', async () => {
    await write('read/mixed', MIXED);
    for (let length = 4; length <= 12; length++) {
      let text = '';
      for (let offset = 0; ;) {
        const read = await box.ok('read_file', { path: 'read/mixed', offset, length });
        expect(read.bytes).toBe(Buffer.byteLength(read.content));
        expect(read.content).not.toContain('\ufffd');
        text += read.content;
        offset += read.bytes;
        if (!read.truncated) break;
        expect(read.bytes).toBeGreaterThan(0);
      }
      expect(text).toBe(MIXED);
    }
  });

  it('says so when a range shorter than the next character holds none of it', async () => {
    await write('read/one', '😀');
    expect(await box.ok('read_file', { path: 'read/one', length: 3 })).toMatchObject({
      content: '',
      bytes: 0,
      truncated: true,
    });
  });

  it('refuses as text what is not text, also where a range begins within a character', async () => {
    await write('read/latin1', Buffer.from('caf\xe9', 'latin1').toString('base64'), { encoding: 'base64' });
    expectFailure(await box.do('read_file', { path: 'read/latin1' }), 'not_utf8');
    await write('read/euro', '€uro');
    expectFailure(await box.do('read_file', { path: 'read/euro', offset: 1 }), 'not_utf8');
  });

  it('follows links', async () => {
    await writeAll('read/target');
    await box.sh('ln -sfn target read/link && ln -sfn ../read read/self');
    expect(await content('read/self/link')).toBe('content of read/target');
  });

  it('gives a file that is written to while it is read up to some point of it', async () => {
    await box.sh('head -c 3000000 /dev/zero > read/grows');
    const growing = box.stream('execute_shell', {
      commandName: 'sh',
      args: ['-c', 'echo grows; while [ ! -e read/stop ]; do echo 0123456789 >> read/grows; done'],
    });
    await written(server.client, growing.id, 'grows');
    const read = await box.ok('read_file', { path: 'read/grows', encoding: 'base64' });
    expect(Buffer.from(read.content, 'base64').length).toBe(read.bytes);
    expect(read.bytes).toBeGreaterThanOrEqual(3_000_000);
    await write('read/stop', '');
    await growing.result;
  });
});

describe('a file of 100 MiB', () => {
  it('is written and read back in pieces without a changed byte', async () => {
    const TOTAL = 100 * MIB;
    const PIECE = 8 * MIB;
    const sent = createHash('sha256');
    for (let at = 0; at < TOTAL; at += PIECE) {
      const piece = randomBytes(Math.min(PIECE, TOTAL - at));
      sent.update(piece);
      const fields = { path: 'large', content: piece.toString('base64'), encoding: 'base64', mode: 'Append' };
      expect(await box.ok('write_file', fields)).toMatchObject({ bytes: piece.length });
    }
    const digest = sent.digest('hex');
    expect(await box.ok('stat_file', { path: 'large' })).toMatchObject({ size: TOTAL });
    expect((await box.sh('sha256sum large')).split(' ')[0]).toBe(digest);

    const whole = await box.ok('read_file', { path: 'large', encoding: 'base64' });
    expect(whole).toMatchObject({ truncated: true, bytes: PIECE });
    const received = createHash('sha256');
    for (let offset = 0; ;) {
      const read = await box.ok('read_file', { path: 'large', encoding: 'base64', offset, length: PIECE });
      received.update(read.content, 'base64');
      offset += read.bytes;
      if (!read.truncated) break;
    }
    expect(received.digest('hex')).toBe(digest);
    await box.ok('delete_file', { path: 'large' });
  });
});

describe('list_directory', () => {
  it('tells of each entry its name, path, type, size, mode and time', async () => {
    await write('list/fields/file.txt', 'five!');
    await box.sh(
      'chmod 640 list/fields/file.txt && mkdir -m 711 list/fields/sub && ln -s file.txt list/fields/link && mkfifo list/fields/pipe',
    );
    const reply = await box.do('list_directory', { path: 'list/fields' });
    expect(reply).toMatchObject({
      success: true,
      error: null,
      result: { path: '/workspace/list/fields', nextCursor: null },
    });
    const entry = (name: string, more: object): object => ({
      name,
      path: `/workspace/list/fields/${name}`,
      size: expect.any(Number),
      mode: expect.stringMatching(/^0\d{3}$/),
      modifiedAt: expect.stringMatching(ISO_UTC),
      ...more,
    });
    expect(reply.result.entries).toEqual([
      entry('file.txt', { type: 'file', size: 5, mode: '0640' }),
      entry('link', { type: 'symlink', target: 'file.txt' }),
      entry('pipe', { type: 'other' }),
      entry('sub', { type: 'directory', mode: '0711' }),
    ]);
    const modifiedAt = Date.parse(reply.result.entries[0].modifiedAt);
    expect(Math.abs(Date.now() - modifiedAt)).toBeLessThan(120_000);
  });

  it('answers to the alias list_files and lists /workspace when no path is given', async () => {
    const session = await server.session();
    await session.ok('write_file', { path: 'here', content: '' });
    expect((await session.ok('list_files')).entries).toMatchObject([{ name: 'here', path: '/workspace/here' }]);
    expect(await session.ok('list_files')).toEqual(await session.ok('list_directory', { path: '/workspace' }));
  });

  it('gives the entries of an empty directory as none', async () => {
    await box.ok('create_directory', { path: 'list/empty' });
    expect(await box.ok('list_directory', { path: 'list/empty' })).toEqual({
      path: '/workspace/list/empty',
      entries: [],
      nextCursor: null,
    });
  });

  it('sorts by the bytes of the names', async () => {
    const all = ['B', 'a', 'Z', 'é', '10', '9', 'a b', 'a.txt', 'a-b', '😀', '_', '~', '日本'];
    for (const name of all) await write(`list/sorted/${name}`, '');
    const sorted = [...all].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await names('list/sorted')).toEqual(sorted);
  });

  it('leaves out what is hidden unless asked for it', async () => {
    await writeAll('list/hidden/.file', 'list/hidden/.dir/inner', 'list/hidden/seen');
    expect(await names('list/hidden')).toEqual(['seen']);
    expect(await names('list/hidden', { recursive: true })).toEqual(['seen']);
    expect(await names('list/hidden', { includeHidden: true })).toEqual(['.dir', '.file', 'seen']);
    expect(await names('list/hidden', { includeHidden: true, recursive: true })).toEqual([
      '.dir',
      'inner',
      '.file',
      'seen',
    ]);
  });

  it('goes into directories when recursive, depth first, as deep as maxDepth', async () => {
    await writeAll('list/tree/a/b/c/deep', 'list/tree/a/b/middle', 'list/tree/a/shallow', 'list/tree/z');
    const below = async (options: object): Promise<string[]> => {
      const { entries } = await box.ok('list_directory', { path: 'list/tree', ...options });
      return entries.map(({ path }: any) => path.replace('/workspace/list/tree/', ''));
    };
    const all = ['a', 'a/b', 'a/b/c', 'a/b/c/deep', 'a/b/middle', 'a/shallow', 'z'];
    expect(await below({ recursive: false })).toEqual(['a', 'z']);
    expect(await below({ recursive: true })).toEqual(all);
    for (const maxDepth of [1, 2, 3, 4, 9]) {
      expect(await below({ recursive: true, maxDepth })).toEqual(
        all.filter((path) => path.split('/').length <= maxDepth),
      );
    }
  });

  it('picks by a pattern on the name, or on the path where the pattern has a slash', async () => {
    await writeAll(
      'list/glob/a1.py',
      'list/glob/a2.txt',
      'list/glob/b1.py',
      'list/glob/src/main.py',
      'list/glob/src/lib/util.py',
      'list/glob/src/lib/util.js',
    );
    const picked = async (pattern: string, recursive = true): Promise<string[]> => {
      const { entries } = await box.ok('list_directory', { path: 'list/glob', pattern, recursive });
      return entries.map(({ path }: any) => path.replace('/workspace/list/glob/', ''));
    };
    expect(await picked('*.py', false)).toEqual(['a1.py', 'b1.py']);
    expect(await picked('*.py')).toEqual(['a1.py', 'b1.py', 'src/lib/util.py', 'src/main.py']);
    expect(await picked('a?.*')).toEqual(['a1.py', 'a2.txt']);
    expect(await picked('[ab]1.py')).toEqual(['a1.py', 'b1.py']);
    expect(await picked('src/*.py')).toEqual(['src/main.py']);
    expect(await picked('src/**/*.py')).toEqual(['src/lib/util.py', 'src/main.py']);
    expect(await picked('**/util.*')).toEqual(['src/lib/util.js', 'src/lib/util.py']);
    expect(await picked('none*')).toEqual([]);
  });

  it('takes a pattern as a pattern and not as words of a shell', async () => {
    for (const pattern of ['$(touch list/pwned)', '; touch list/pwned', '`touch list/pwned`']) {
      expect(await names('list', { pattern })).toEqual([]);
    }
    expectFailure(await box.do('stat_file', { path: 'list/pwned' }), 'not_found');
  });

  it('shows links as links and does not go into them', async () => {
    await writeAll('list/links/real/inside');
    await box.sh('ln -s real list/links/to-dir && ln -s nowhere list/links/broken && ln -s . list/links/loop');
    const { entries } = await box.ok('list_directory', { path: 'list/links', recursive: true });
    expect(entries.map(({ name, type, target }: any) => [name, type, target])).toEqual([
      ['broken', 'symlink', 'nowhere'],
      ['loop', 'symlink', '.'],
      ['real', 'directory', undefined],
      ['inside', 'file', undefined],
      ['to-dir', 'symlink', 'real'],
    ]);
    expect(await names('list/links/to-dir')).toEqual(['inside']);
  });

  it('gives a name that is not UTF-8 whole, beside one that can be shown', async () => {
    await box.python(
      "import os\nos.makedirs('list/odd')\nopen(b'list/odd/\\xff\\xfe', 'w').close()\nopen('list/odd/new\\nline', 'w').close()",
    );
    const { entries } = await box.ok('list_directory', { path: 'list/odd' });
    expect(entries).toMatchObject([
      { name: 'new\nline', path: '/workspace/list/odd/new\nline' },
      { name: expect.stringMatching(/^\ufffd+$/), nameBase64: Buffer.from([0xff, 0xfe]).toString('base64') },
    ]);
    expect(entries[0]).not.toHaveProperty('nameBase64');
  });

  it('gives 2,500 files a page at a time, each once, in one order', async () => {
    await box.python("import os\nos.makedirs('list/many')\nfor i in range(2500): open(f'list/many/f{i}', 'w').close()");
    const sorted = Array.from({ length: 2_500 }, (_, index) => `f${index}`).sort();
    const byDefault = await box.ok('list_directory', { path: 'list/many' });
    expect(byDefault.entries.length).toBeLessThan(2_500);
    expect(byDefault.nextCursor).toEqual(expect.any(String));
    for (const limit of [999, 1_250, 2_500, 10_000]) {
      const pages = await pagesOf({ path: 'list/many', limit });
      expect(pages.map(({ length }) => length)).toEqual(
        Array.from({ length: Math.ceil(2_500 / limit) }, (_, page) => Math.min(limit, 2_500 - page * limit)),
      );
      expect(pages.flat().map(({ name }) => name)).toEqual(sorted);
    }
  });

  it('goes on behind the last entry of a page, even when that is gone', async () => {
    await writeAll(...['a', 'b', 'c', 'd'].map((name) => `list/gone/${name}`));
    const first = await box.ok('list_directory', { path: 'list/gone', limit: 2 });
    await box.ok('delete_file', { path: 'list/gone/b' });
    const second = await box.ok('list_directory', { path: 'list/gone', limit: 2, cursor: first.nextCursor });
    expect(second.entries.map(({ name }: any) => name)).toEqual(['c', 'd']);
    expect(second.nextCursor).toBeNull();
  });

  it('takes no cursor but its own, and no pattern that can only be a slip', async () => {
    await writeAll(...['a', 'b', 'c'].map((name) => `list/own/${name}`));
    const { nextCursor } = await box.ok('list_directory', { path: 'list/own', limit: 1 });
    const wrong = [
      { cursor: '!!!' },
      { cursor: Buffer.from('b').toString('base64url') },
      { cursor: nextCursor, recursive: true },
      { cursor: nextCursor, path: 'list' },
      { pattern: '[a' },
      { pattern: '[z-a]*' },
    ];
    for (const fields of wrong) {
      const reply = await box.do('list_directory', { path: 'list/own', ...fields });
      expectFailure(reply, 'bad_request');
      expect(reply.error).toMatch('cursor' in fields ? /^The cursor is not the nextCursor/ : /^The pattern has a/);
    }
  });

  it('pages through a tree as it lists it whole', async () => {
    await box.python(
      "import os\nfor d in range(12):\n  for s in range(3):\n    os.makedirs(f'list/forest/d{d}/s{s}')\n    for f in range(4): open(f'list/forest/d{d}/s{s}/f{f}', 'w').close()",
    );
    const whole = await box.ok('list_directory', { path: 'list/forest', recursive: true, limit: 1_000 });
    expect(whole.entries).toHaveLength(12 + 36 + 144);
    for (const limit of [1, 7, 50]) {
      expect((await pagesOf({ path: 'list/forest', recursive: true, limit })).flat()).toEqual(whole.entries);
    }
    const pattern = { path: 'list/forest', recursive: true, pattern: '*1' };
    const picked = await box.ok('list_directory', pattern);
    expect((await pagesOf({ ...pattern, limit: 5 })).flat()).toEqual(picked.entries);
  });

  async function pagesOf(fields: object): Promise<any[][]> {
    const pages: any[][] = [];
    let cursor: string | null = null;
    do {
      const page: any = await box.ok('list_directory', { ...fields, ...(cursor === null ? {} : { cursor }) });
      pages.push(page.entries);
      cursor = page.nextCursor;
    } while (cursor !== null);
    return pages;
  }
});

describe('create_directory', () => {
  it('makes missing parents and tells whether it made anything, under both names', async () => {
    const path = 'create/a/b/c';
    expect(await box.ok('create_directory', { path })).toEqual({ path: '/workspace/create/a/b/c', created: true });
    expect(await box.ok('create_dir', { path })).toEqual({ path: '/workspace/create/a/b/c', created: false });
    expect(await box.ok('create_dir', { path, recursive: true })).toMatchObject({ created: false });
    expect(await box.ok('stat_file', { path })).toMatchObject({ type: 'directory' });
  });

  it('makes one directory with recursive=false', async () => {
    expect(await box.ok('create_directory', { path: 'one-only', recursive: false })).toMatchObject({ created: true });
  });

  it('makes no parents with recursive=false', async () => {
    expectFailure(await box.do('create_directory', { path: 'no/parent', recursive: false }), 'not_found');
    expectFailure(await box.do('stat_file', { path: 'no' }), 'not_found');
  });

  it('refuses with recursive=false what is there', async () => {
    await box.ok('create_directory', { path: 'create/there' });
    expectFailure(await box.do('create_directory', { path: 'create/there', recursive: false }), 'already_exists');
  });

  it('makes none where a file is, and none below a file', async () => {
    await writeAll('create/file');
    expectFailure(await box.do('create_directory', { path: 'create/file' }), 'already_exists', 'not_a_directory');
    expectFailure(await box.do('create_directory', { path: 'create/file', recursive: false }), 'already_exists');
    expectFailure(await box.do('create_directory', { path: 'create/file/below' }), 'not_a_directory');
    expect(await content('create/file')).toBe('content of create/file');
  });
});

describe('copy_file', () => {
  it('copies a file, under both names of its fields', async () => {
    await writeAll('copy/a');
    expect(await box.ok('copy_file', { sourcePath: 'copy/a', destinationPath: 'copy/b' })).toEqual({
      sourcePath: '/workspace/copy/a',
      destinationPath: '/workspace/copy/b',
      bytes: 17,
    });
    await box.ok('copy_file', { source: 'copy/b', destination: 'copy/c' });
    for (const name of ['a', 'b', 'c']) expect(await content(`copy/${name}`)).toBe('content of copy/a');
  });

  it('refuses a field that is given under both of its names', async () => {
    expect(
      await server.client.refusal('session.execute', {
        sessionId: box.id,
        command: { type: 'copy_file', source: 'a', sourcePath: 'a', destination: 'b' },
      }),
    ).toMatchObject({ code: -32602, data: { violations: [{ field: expect.stringMatching(/^command\.source/) }] } });
  });

  it('replaces the destination unless told not to', async () => {
    await writeAll('copy/new', 'copy/old', 'copy/kept');
    await box.ok('copy_file', { source: 'copy/new', destination: 'copy/old' });
    expect(await content('copy/old')).toBe('content of copy/new');
    expectFailure(
      await box.do('copy_file', { source: 'copy/new', destination: 'copy/kept', overwrite: false }),
      'already_exists',
    );
    expect(await content('copy/kept')).toBe('content of copy/kept');
  });

  it('copies a tree with recursive, links as links', async () => {
    await writeAll('copy/tree/a', 'copy/tree/.hidden', 'copy/tree/sub/deep/b');
    await box.sh(
      'ln -s ../a copy/tree/sub/link && ln -s nowhere copy/tree/broken && mkdir copy/tree/empty && chmod 750 copy/tree/a',
    );
    const copied = await box.ok('copy_file', { source: 'copy/tree', destination: 'copy/copied', recursive: true });
    expect(copied.bytes).toBe(Number(await box.sh('cat copy/tree/a copy/tree/.hidden copy/tree/sub/deep/b | wc -c')));
    expect(await treeOf('copy/copied')).toEqual(await treeOf('copy/tree'));
    expect(await box.ok('stat_file', { path: 'copy/copied/sub/link' })).toMatchObject({
      type: 'symlink',
      target: '../a',
    });
  });

  it('copies no tree without recursive, into itself, or onto a directory', async () => {
    await writeAll('copy/dir/a', 'copy/other/b');
    const copy = (more: object): Promise<any> => box.do('copy_file', { source: 'copy/dir', ...more });
    expectFailure(await copy({ destination: 'copy/dir2' }), 'is_a_directory');
    expectFailure(await box.do('stat_file', { path: 'copy/dir2' }), 'not_found');
    expectFailure(await copy({ destination: 'copy/dir/inner', recursive: true }), 'invalid_path');
    expectFailure(await copy({ destination: 'copy/other', recursive: true }), 'is_a_directory', 'already_exists');
    expectFailure(await box.do('copy_file', { source: 'copy/dir/a', destination: 'copy/other' }), 'is_a_directory');
    expect(await names('copy/dir')).toEqual(['a']);
    expect(await names('copy/other')).toEqual(['b']);
  });

  it('copies across file systems', async () => {
    await writeAll('copy/far/a', 'copy/far/sub/b');
    await box.ok('copy_file', { source: 'copy/far', destination: '/tmp/far', recursive: true });
    expect(await treeOf('/tmp/far')).toEqual(await treeOf('copy/far'));
  });

  it('fails for a source that is not there, leaving the destination as it was', async () => {
    await writeAll('copy/stays');
    expectFailure(await box.do('copy_file', { source: 'copy/nothing', destination: 'copy/stays' }), 'not_found');
    expect(await content('copy/stays')).toBe('content of copy/stays');
  });
});

describe('move_file', () => {
  it('moves a file, under both names of its fields', async () => {
    await writeAll('move/a');
    expect(await box.ok('move_file', { sourcePath: 'move/a', destinationPath: 'move/b' })).toMatchObject({
      sourcePath: '/workspace/move/a',
      destinationPath: '/workspace/move/b',
    });
    await box.ok('move_file', { source: 'move/b', destination: 'move/c' });
    expect(await names('move')).toEqual(['c']);
    expect(await content('move/c')).toBe('content of move/a');
  });

  it('replaces the destination unless told not to', async () => {
    await writeAll('move/over/a', 'move/over/b', 'move/over/c');
    await box.ok('move_file', { source: 'move/over/a', destination: 'move/over/b' });
    expect(await content('move/over/b')).toBe('content of move/over/a');
    expectFailure(
      await box.do('move_file', { source: 'move/over/b', destination: 'move/over/c', overwrite: false }),
      'already_exists',
    );
    expect(await names('move/over')).toEqual(['b', 'c']);
    expect(await content('move/over/c')).toBe('content of move/over/c');
  });

  it('moves a tree, also to another file system and back', async () => {
    await writeAll('move/tree/a', 'move/tree/sub/.b');
    await box.sh('ln -s a move/tree/link');
    const tree = await treeOf('move/tree');
    for (const [source, destination] of [
      ['move/tree', 'move/renamed'],
      ['move/renamed', '/tmp/moved'],
      ['/tmp/moved', 'move/back'],
    ] as const) {
      await box.ok('move_file', { source, destination });
      expect(await treeOf(destination)).toEqual(tree);
      expectFailure(await box.do('stat_file', { path: source }), 'not_found');
    }
  });

  it('moves a link itself, not what it leads to', async () => {
    await writeAll('move/target');
    await box.sh('ln -s target move/link');
    await box.ok('move_file', { source: 'move/link', destination: 'move/link2' });
    expect(await box.ok('stat_file', { path: 'move/link2' })).toMatchObject({ type: 'symlink', target: 'target' });
    expect(await content('move/target')).toBe('content of move/target');
  });

  it('fails without a source, for a tree into itself, and onto a directory that is not empty', async () => {
    await writeAll('move/dir/a', 'move/full/b');
    expectFailure(await box.do('move_file', { source: 'move/nothing', destination: 'move/x' }), 'not_found');
    await writeAll('move/here');
    for (const type of ['move_file', 'copy_file']) {
      const reply = await box.do(type, { source: 'move/here', destination: 'move/no/such/name' });
      expectFailure(reply, 'not_found');
      expect(reply.error).toBe('There is no directory /workspace/move/no/such.');
    }
    expectFailure(await box.do('move_file', { source: 'move/dir', destination: 'move/dir/in' }), 'invalid_path');
    expectFailure(
      await box.do('move_file', { source: 'move/dir', destination: 'move/full' }),
      'not_empty',
      'already_exists',
      'is_a_directory',
    );
    expectFailure(await box.do('move_file', { source: 'move/dir/a', destination: 'move/full' }), 'is_a_directory');
    expect(await names('move/dir')).toEqual(['a']);
    expect(await names('move/full')).toEqual(['b']);
  });
});

describe('delete_file', () => {
  it('deletes a file', async () => {
    await writeAll('delete/file');
    expect(await box.ok('delete_file', { path: 'delete/file' })).toEqual({
      path: '/workspace/delete/file',
      deleted: true,
    });
    expectFailure(await box.do('stat_file', { path: 'delete/file' }), 'not_found');
  });

  it('deletes an empty directory, and a full one only with recursive', async () => {
    await box.ok('create_directory', { path: 'delete/empty' });
    await box.ok('delete_file', { path: 'delete/empty' });
    await writeAll('delete/full/sub/.hidden', 'delete/full/a');
    expectFailure(await box.do('delete_file', { path: 'delete/full' }), 'not_empty', 'is_a_directory');
    expect(await names('delete/full')).toEqual(['a', 'sub']);
    await box.ok('delete_file', { path: 'delete/full', recursive: true });
    expectFailure(await box.do('stat_file', { path: 'delete/full' }), 'not_found');
  });

  it('deletes a tree of 2,000 levels and one of 3,000 files', async () => {
    await box.python(
      "import os\nos.makedirs('delete/deep'); os.chdir('delete/deep')\nfor i in range(2000): os.mkdir('d'); os.chdir('d')\nos.chdir('/workspace')\nos.makedirs('delete/wide')\nfor i in range(3000): open(f'delete/wide/{i}', 'w').close()",
    );
    await box.ok('delete_file', { path: 'delete/deep', recursive: true });
    await box.ok('delete_file', { path: 'delete/wide', recursive: true });
    expect(await names('delete', { includeHidden: true })).toEqual([]);
  });

  it('removes a link and never what it leads to', async () => {
    await writeAll('links/real/kept');
    await box.sh('ln -s real links/link && mkdir links/tree && ln -s ../real links/tree/link');
    await box.ok('delete_file', { path: 'links/link', recursive: true });
    await box.ok('delete_file', { path: 'links/tree', recursive: true });
    expect(await names('links')).toEqual(['real']);
    expect(await names('links/real')).toEqual(['kept']);
  });

  it('fails for what is not there', async () => {
    expectFailure(await box.do('delete_file', { path: 'delete/nothing' }), 'not_found');
    expectFailure(await box.do('delete_file', { path: 'delete/nothing', recursive: true }), 'not_found');
  });

  it.each(['/workspace', '/workspace/', '.', '/workspace/.', 'links/..', '/'])('never deletes %s', async (path) => {
    await writeAll('links/kept');
    expectFailure(await box.do('delete_file', { path, recursive: true }), 'invalid_path');
    expect(await content('links/kept')).toBe('content of links/kept');
  });
});

describe('stat_file', () => {
  it('gives an entry as list_directory does', async () => {
    await writeAll('stat/file', 'stat/dir/x');
    await box.sh('ln -s file stat/link');
    const { entries } = await box.ok('list_directory', { path: 'stat' });
    for (const entry of entries) expect(await box.ok('stat_file', { path: entry.path })).toEqual(entry);
    expect(entries.map(({ type }: any) => type)).toEqual(['directory', 'file', 'symlink']);
  });
});

describe('no file command says that it did what it did not do', () => {
  beforeAll(async () => {
    await writeAll('no/file', 'no/dir/inner');
    await box.sh(
      'mkfifo no/fifo && ln -s /etc/shadow no/shadow && ln -s b no/a && ln -s a no/b && echo locked > no/locked && chmod 444 no/locked',
    );
  });

  const closed = ['read_only_file_system', 'permission_denied'];
  const hiddenAway = ['special_file', 'permission_denied', 'invalid_path', 'too_many_links'];

  it.each([
    { path: '/etc/x', codes: closed },
    { path: '/etc/passwd', codes: closed },
    { path: '/usr/bin/new/deep', codes: closed },
    { path: '/codebeaker/agent', codes: closed },
    { path: '/proc/x', codes: ['special_file', 'not_found', 'permission_denied'] },
    { path: '/proc/self/oom_score_adj', codes: ['special_file'] },
    { path: '/sys/x', codes: ['special_file', ...closed] },
    { path: '/dev/null', codes: ['special_file', ...closed] },
    { path: '/workspace', codes: ['is_a_directory'] },
    { path: 'no/dir', codes: ['is_a_directory'] },
    { path: 'no/dir/', codes: ['is_a_directory'] },
    { path: 'no/file/below', codes: ['not_a_directory'] },
    { path: 'no/file/below/deeper', codes: ['not_a_directory'] },
    { path: 'no/file/', codes: ['not_a_directory'] },
    { path: 'no/newdir/', codes: ['not_a_directory'] },
    { path: 'no/fifo', codes: ['special_file'] },
    { path: 'no/shadow', codes: closed },
    { path: 'no/a', codes: ['too_many_links'] },
    { path: 'no/locked', codes: ['permission_denied'] },
    { path: `no/${'x'.repeat(256)}`, codes: ['name_too_long'] },
    { path: '../etc/x', codes: ['invalid_path'] },
    { path: '/workspace/../workspace2/x', codes: ['invalid_path'] },
  ])('write_file to $path', async ({ path, codes }) => {
    for (const mode of ['Create', 'Append']) {
      expectFailure(await box.do('write_file', { path, content: 'never', mode }), ...codes);
    }
  });

  it.each([
    { path: 'no/nothing', codes: ['not_found'] },
    { path: 'no/nowhere/nothing', codes: ['not_found'] },
    { path: 'no/dir', codes: ['is_a_directory'] },
    { path: '/workspace', codes: ['is_a_directory'] },
    { path: 'no/file/below', codes: ['not_a_directory'] },
    { path: 'no/file/', codes: ['not_a_directory'] },
    { path: '/dev/zero', codes: ['special_file'] },
    { path: '/dev/urandom', codes: ['special_file'] },
    { path: '/dev/stdin', codes: hiddenAway },
    { path: 'no/fifo', codes: ['special_file'] },
    { path: '/proc/self/mem', codes: ['special_file'] },
    { path: '/proc/1/environ', codes: hiddenAway },
    { path: '/proc/cpuinfo', codes: ['special_file'] },
    { path: '/proc/self/root/etc/passwd', codes: hiddenAway },
    { path: '/proc/self/cwd/no/file', codes: hiddenAway },
    { path: '/sys/kernel/uevent_seqnum', codes: ['special_file', 'not_found'] },
    { path: '/etc/shadow', codes: ['permission_denied'] },
    { path: 'no/shadow', codes: ['permission_denied'] },
    { path: '/root/x', codes: ['permission_denied'] },
    { path: 'no/a', codes: ['too_many_links'] },
    { path: '../etc/passwd', codes: ['invalid_path'] },
    { path: '/workspace/no/../../etc/passwd', codes: ['invalid_path'] },
    { path: `no/${'x'.repeat(256)}`, codes: ['name_too_long'] },
  ])('read_file of $path', async ({ path, codes }) => {
    expectFailure(await box.do('read_file', { path }), ...codes);
    expectFailure(await box.do('read_file', { path, encoding: 'base64', offset: 1, length: 10 }), ...codes);
  });

  it.each([
    ['list_directory of nothing', 'list_directory', { path: 'no/nothing' }, ['not_found']],
    ['list_directory of a file', 'list_directory', { path: 'no/file' }, ['not_a_directory']],
    ['list_directory of a closed one', 'list_directory', { path: '/root' }, ['permission_denied']],
    ['stat_file of nothing', 'stat_file', { path: 'no/nothing' }, ['not_found']],
    ['create_directory in /etc', 'create_directory', { path: '/etc/x' }, closed],
    ['create_directory in /proc', 'create_directory', { path: '/proc/x' }, ['special_file', 'not_found', ...closed]],
    ['copy_file of /etc/shadow', 'copy_file', { source: '/etc/shadow', destination: 'no/x' }, ['permission_denied']],
    ['copy_file of a FIFO', 'copy_file', { source: 'no/fifo', destination: 'no/x' }, ['special_file']],
    ['copy_file of /dev/zero', 'copy_file', { source: '/dev/zero', destination: 'no/x' }, ['special_file']],
    ['copy_file into /etc', 'copy_file', { source: 'no/file', destination: '/etc/x' }, closed],
    ['copy_file below a file', 'copy_file', { source: 'no/file', destination: 'no/locked/x' }, ['not_a_directory']],
    ['move_file into /etc', 'move_file', { source: 'no/file', destination: '/etc/x' }, closed],
    ['move_file out of /etc', 'move_file', { source: '/etc/passwd', destination: 'no/x' }, closed],
    ['delete_file in /etc', 'delete_file', { path: '/etc/passwd' }, closed],
    ['delete_file of a tree in /etc', 'delete_file', { path: '/etc', recursive: true }, ['invalid_path', ...closed]],
    ['delete_file in /proc', 'delete_file', { path: '/proc/version' }, ['special_file', ...closed]],
  ] as const)('%s', async (_what, type, fields, codes) => {
    await box.sh('rm -rf no/x');
    expectFailure(await box.do(type, fields), ...codes);
    expect(await content('no/file')).toBe('content of no/file');
    expectFailure(await box.do('stat_file', { path: 'no/x' }), 'not_found');
    expect(await box.ok('stat_file', { path: '/etc/passwd' })).toMatchObject({ type: 'file' });
  });

  it('write_file with mode Overwrite of a missing file makes neither it nor its parents', async () => {
    expectFailure(await write('no/missing/file', 'x', { mode: 'Overwrite' }), 'not_found');
    expectFailure(await box.do('stat_file', { path: 'no/missing' }), 'not_found');
  });

  it('write_file with mode CreateNew of a file, a directory or a link to a file changes nothing', async () => {
    await box.sh('ln -sfn file no/to-file');
    for (const path of ['no/file', 'no/to-file']) {
      expectFailure(await write(path, 'x', { mode: 'CreateNew' }), 'already_exists');
    }
    expectFailure(await write('no/dir', 'x', { mode: 'CreateNew' }), 'already_exists', 'is_a_directory');
    expect(await content('no/file')).toBe('content of no/file');
    expect(await box.ok('stat_file', { path: 'no/to-file' })).toMatchObject({ type: 'symlink' });
  });

  it.each(['%%%%', 'A', 'YQ==YQ==', 'Y=Q=', 'YWJj!', '😀😀😀😀'])(
    'write_file of %s, which is not base64, leaves what was there',
    async (text) => {
      expectFailure(await write('no/file', text, { encoding: 'base64' }), 'invalid_base64');
      expect(await content('no/file')).toBe('content of no/file');
    },
  );

  it.each([
    ['an empty path', { type: 'write_file', path: '', content: '' }],
    ['a path with NUL', { type: 'write_file', path: 'a\0b', content: '' }],
    ['a path of 4,097 bytes', { type: 'write_file', path: 'x'.repeat(4_097), content: '' }],
    ['no content', { type: 'write_file', path: 'a' }],
    ['content that is no text', { type: 'write_file', path: 'a', content: 5 }],
    ['an unknown mode', { type: 'write_file', path: 'a', content: '', mode: 'Truncate' }],
    ['an unknown encoding to write', { type: 'write_file', path: 'a', content: '', encoding: 'latin1' }],
    ['an unknown encoding to read', { type: 'read_file', path: 'a', encoding: 'hex' }],
    ['an offset below 0', { type: 'read_file', path: 'a', offset: -1 }],
    ['a length with a fraction', { type: 'read_file', path: 'a', length: 1.5 }],
    ['an unknown field', { type: 'read_file', path: 'a', colour: 'red' }],
    ['an empty path to list', { type: 'list_directory', path: '', limit: 10 }],
    ['a limit of 0', { type: 'list_directory', limit: 0 }],
    ['a limit of a million', { type: 'list_directory', limit: 1_000_000 }],
    ['a maxDepth of 0', { type: 'list_directory', maxDepth: 0 }],
    ['no path', { type: 'delete_file' }],
    ['a source alone', { type: 'copy_file', source: 'a' }],
    ['a path that is a list', { type: 'stat_file', path: ['a'] }],
    ['an unknown type', { type: 'write_files', path: 'a', content: '' }],
    ['no type', { path: 'a', content: '' }],
  ])('a command with %s is refused, naming the field', async (_what, command) => {
    const { code, data } = await server.client.refusal('session.execute', { sessionId: box.id, command });
    expect(code).toBe(-32602);
    expect(data).toMatchObject({ reason: 'invalid_params', violations: expect.any(Array) });
    expect(data['violations'][0]).toMatchObject({
      field: expect.stringMatching(/^command\./),
      message: expect.stringMatching(/\S/),
    });
  });

  it('every reason is told in a sentence', async () => {
    const replies = await Promise.all([
      box.do('read_file', { path: 'no/nothing' }),
      box.do('read_file', { path: 'no/fifo' }),
      box.do('read_file', { path: '../etc/passwd' }),
      box.do('write_file', { path: 'no/dir', content: '' }),
      box.do('write_file', { path: 'no/file', content: '%', encoding: 'base64' }),
      box.do('list_directory', { path: 'no/file' }),
      box.do('delete_file', { path: '/workspace', recursive: true }),
      box.do('execute_shell', { commandName: 'no-such-program' }),
      box.do('execute_shell', { commandName: 'sh', args: ['-c', 'kill -9 $$'] }),
      box.do('execute_code', { code: '', language: 'go' }),
    ]);
    // From its first word, which may be a path, to its full stop.
    for (const { error } of replies) expect(error).toMatch(/^(\p{Lu}|\/)[^\n]* [^\n]*\.$/u);
  });

  it('a command that does not come back from a FIFO leaves the others running', async () => {
    const replies = await Promise.all([
      ...Array.from({ length: 20 }, () => box.do('read_file', { path: 'no/fifo' })),
      box.do('read_file', { path: 'no/file' }),
    ]);
    for (const reply of replies.slice(0, 20)) expectFailure(reply, 'special_file');
    expect(replies[20]).toMatchObject({ success: true });
  });
});

describe('a hundred file commands at once', () => {
  it('each do what they say', async () => {
    const numbers = Array.from({ length: 100 }, (_, index) => index);
    await Promise.all(
      numbers.map((n) => box.ok('write_file', { path: `many/${n}/file`, content: `${n}`.repeat(9_999) })),
    );
    const read = await Promise.all(numbers.map((n) => content(`many/${n}/file`)));
    expect(read).toEqual(numbers.map((n) => `${n}`.repeat(9_999)));
    await Promise.all(
      numbers.map((n) => box.ok('move_file', { source: `many/${n}/file`, destination: `many/${n}/moved` })),
    );
    expect(await box.sh('find many -type f | wc -l')).toBe('100\n');
    await Promise.all(numbers.map((n) => box.ok('delete_file', { path: `many/${n}`, recursive: true })));
    expect(await names('many', { includeHidden: true })).toEqual([]);
  });

  it('append to one file without losing a line', async () => {
    const lines = Array.from({ length: 100 }, (_, index) => `line ${index}\n`);
    await Promise.all(lines.map((line) => box.ok('write_file', { path: 'appended', content: line, mode: 'Append' })));
    expect((await content('appended')).split(/(?<=\n)/).sort()).toEqual([...lines].sort());
  });

  it('make one new file once', async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => write('once', `${n}`, { mode: 'CreateNew' })),
    );
    expect(replies.filter(({ success }) => success)).toHaveLength(1);
    for (const reply of replies.filter(({ success }) => !success)) expectFailure(reply, 'already_exists');
    expect(await content('once')).toBe(`${replies.findIndex(({ success }) => success)}`);
  });
});

describe('a full disk', () => {
  it('fails a write with no_space, leaves the old file, and takes what fits', async () => {
    const small = await server.session({ diskLimitMB: 8 });
    await small.ok('write_file', { path: 'kept', content: 'old content' });
    for (const mode of ['Create', 'Overwrite']) {
      expectFailure(await small.do('write_file', { path: 'kept', content: 'x'.repeat(9 * MIB), mode }), 'no_space');
      expect(await content('kept', small)).toBe('old content');
    }
    for (const mode of ['Create', 'CreateNew', 'Append']) {
      expectFailure(await small.do('write_file', { path: 'fresh', content: 'x'.repeat(9 * MIB), mode }), 'no_space');
    }
    expect(await names('/workspace', { includeHidden: true }, small)).toEqual(['kept']);
    await small.ok('write_file', { path: 'fits', content: 'x'.repeat(4 * MIB) });
    expectFailure(await small.do('copy_file', { source: 'fits', destination: 'copy' }), 'no_space');
    expectFailure(
      await small.do('write_file', { path: 'fits', content: 'x'.repeat(6 * MIB), mode: 'Append' }),
      'no_space',
    );
    expect(await content('kept', small)).toBe('old content');
    await small.ok('delete_file', { path: 'fits' });
    expect(await names('/workspace', { includeHidden: true }, small)).toEqual(['kept']);
    await small.ok('write_file', { path: 'fits', content: 'x'.repeat(4 * MIB) });
    expect(await small.ok('stat_file', { path: 'fits' })).toMatchObject({ size: 4 * MIB });
  });

  it('that a program filled fails a write and execute_code with no_space, and the session goes on', async () => {
    const small = await server.session({ diskLimitMB: 8 });
    await small.sh(
      'cat /dev/zero > filler 2>/dev/null; for i in 1 2 3 4 5 6 7 8; do echo x > more$i; done 2>/dev/null; true',
    );
    expectFailure(await small.do('write_file', { path: 'late', content: 'x'.repeat(65_536) }), 'no_space');
    const code = `print("ran")\n#${'x'.repeat(65_536)}`;
    expectFailure(await small.do('execute_code', { code }), 'no_space');
    expect(await small.sh('echo alive')).toBe('alive\n');
    await small.ok('delete_file', { path: 'filler' });
    expect(await small.ok('execute_code', { code })).toMatchObject({ stdout: 'ran\n' });
  });
});

/** Every entry below a path with its kind and its bytes, as a program in the sandbox sees them. */
function treeOf(path: string): Promise<string> {
  const code = `
import hashlib, os, sys
root = sys.argv[1]
for folder, directories, files in sorted(os.walk(root)):
    directories.sort()
    for name in sorted(directories + files):
        path = os.path.join(folder, name)
        below = os.path.relpath(path, root)
        if os.path.islink(path):
            print(below, 'link', os.readlink(path))
        elif os.path.isdir(path):
            print(below, 'directory')
        else:
            print(below, 'file', oct(os.stat(path).st_mode), hashlib.sha256(open(path, 'rb').read()).hexdigest())
`;
  return box.python(code, path);
}
