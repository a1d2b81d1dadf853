import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { beforeAll, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { closed, HttpFiles, refusalOf } from '../support/http-files.js';
import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;

const server = useServer({ MAX_SESSION_TRANSFERS: '3' });
let box: TestSession;
let files: HttpFiles;

const filesOf = (session: TestSession): HttpFiles => new HttpFiles(server.api.port, session.id);

beforeAll(async () => {
  box = await server.session({ diskLimitMB: 64 });
  files = filesOf(box);
});

/** Begins an upload and waits until the agent has it. */
async function halfPut(path: string, headers: Record<string, string | number>, first: string) {
  const socket = await files.rawPut(path, headers);
  socket.write(first);
  await eventually(
    () => temporaries(),
    (found) => found !== '',
    'the upload has begun',
  );
  return socket;
}

const temporaries = (): Promise<string> => box.sh('find /workspace -name ".codebeaker-*"');

const untilClean = (): Promise<string> =>
  eventually(temporaries, (found) => found === '', 'nothing of the upload is left');

describe('an upload', () => {
  it('makes a file with its directories and tells whether it is new', async () => {
    const content = randomBytes(3 * MIB + 17);
    const made = await files.put('new/dir/file.bin', content);
    expect(made.status).toBe(201);
    expect(JSON.parse(made.body.toString())).toEqual({ path: '/workspace/new/dir/file.bin', bytes: content.length });

    const replaced = await files.put('/workspace/new/dir/file.bin', content.subarray(1));
    expect(replaced.status).toBe(200);
    expect(replaced.headers.etag).not.toBe(made.headers.etag);
    const got = await files.get('new/dir/file.bin');
    expect(got.body.equals(content.subarray(1))).toBe(true);
    expect(got.headers.etag).toBe(replaced.headers.etag);
    expect(await box.sh('stat -c "%U %a" new/dir/file.bin')).toMatch(/ 644\n$/);
  });

  it('takes a body of unknown length, an empty one, and one that claims to be JSON, as they are', async () => {
    const sent = files.open('PUT', files.address('chunked'), { 'Content-Type': 'application/json' });
    for (const part of ['{"not', ' json', '\u0000']) sent.write(part);
    sent.end();
    await once(sent, 'response');
    expect((await files.get('chunked')).body.toString()).toBe('{"not json\u0000');
    expect((await files.put('empty', '')).status).toBe(201);
    expect(await box.sh('stat -c %s empty')).toBe('0\n');
  });

  it.each([
    ['whose client goes away', { 'Content-Length': 1000 }, 'half'],
    ['in chunks whose last one never comes', { 'Transfer-Encoding': 'chunked' }, '4\r\nhalf\r\n'],
  ])('%s leaves the old file', async (_how, headers, first) => {
    await files.put('kept', 'the old one');
    const socket = await halfPut('kept', headers, first);
    socket.destroy();
    await untilClean();
    expect(await box.sh('cat kept')).toBe('the old one');
  });

  it('that ends with less than its Content-Length leaves the old file', async () => {
    await files.put('kept', 'the old one');
    const socket = await halfPut('kept', { 'Content-Length': 1000 }, 'too little');
    socket.end();
    await untilClean();
    expect(await box.sh('cat kept')).toBe('the old one');
  });

  it('in broken chunks leaves the old file', async () => {
    await files.put('kept', 'the old one');
    const socket = await halfPut('kept', { 'Transfer-Encoding': 'chunked' }, '4\r\nhalf\r\n');
    socket.resume().write('no number\r\n');
    await closed(socket);
    await untilClean();
    expect(await box.sh('cat kept')).toBe('the old one');
  });

  it('keeps the session Active, and is ended by the end of the session', async () => {
    const session = await server.session();
    const own = filesOf(session);
    const socket = await own.rawPut('file', { 'Content-Length': 1000 });
    socket.write('half');
    await eventually(
      () => session.state(),
      (state) => state === 'Active',
      'the session is Active',
    );
    let answer = '';
    socket.on('data', (bytes: Buffer) => (answer += bytes.toString()));
    await session.close();
    await eventually(
      () => answer,
      (text) => text.includes('session_ended'),
      'the upload is refused',
    );
    expect(answer).toMatch(/^HTTP\/1.1 410 /);
    socket.destroy();
  });

  it('replaces only what its conditions name', async () => {
    const { headers } = await files.put('cond', 'one');
    const etag = String(headers.etag);
    expect(etag).toMatch(/^"[0-9a-f-]+"$/);
    const second = await files.put('cond', 'two', { 'If-Match': `"x", ${etag}` });
    expect(second.status).toBe(200);
    const third = await files.put('cond', 'three', { 'If-Match': etag });
    expect([third.status, refusalOf(third).reason]).toEqual([412, 'version_mismatch']);
    expect((await files.put('cond', 'three', { 'If-None-Match': '*' })).status).toBe(412);
    expect((await files.put('cond-new', 'x', { 'If-Match': '*' })).status).toBe(404);
    expect((await files.put('cond-new', 'x', { 'If-None-Match': '*' })).status).toBe(201);
    await box.sh('echo changed > cond');
    const fourth = await files.put('cond', 'four', { 'If-Match': String(second.headers.etag) });
    expect(fourth.status).toBe(412);
    expect(await box.sh('cat cond')).toBe('changed\n');
  });

  it('is refused before its body comes when it waits for leave', async () => {
    const socket = await new HttpFiles(server.api.port, 's_none').rawPut('x', {
      'Content-Length': 1000,
      Expect: '100-continue',
    });
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1.1 404 /);
    socket.destroy();

    const allowed = await files.rawPut('expected', { 'Content-Length': 4, Expect: '100-continue' });
    const [leave] = await once(allowed, 'data');
    expect(String(leave)).toMatch(/^HTTP\/1.1 100 /);
    allowed.write('here');
    const [done] = await once(allowed, 'data');
    expect(String(done)).toMatch(/^HTTP\/1.1 201 /);
    allowed.destroy();
  });

  it('that finds no room is refused with 507, announced or not, and leaves nothing', async () => {
    const announced = await files.put('big', Buffer.alloc(65 * MIB));
    expect([announced.status, refusalOf(announced).reason]).toEqual([507, 'no_space']);
    const sent = files.open('PUT', files.address('big'), { 'Transfer-Encoding': 'chunked' });
    const response = once(sent, 'response');
    sent.end(Buffer.alloc(80 * MIB, 1));
    const [{ statusCode }] = await response;
    expect(statusCode).toBe(507);
    sent.destroy();
    await untilClean();
    expect((await files.get('big')).status).toBe(404);
  });
});

describe('a download', () => {
  const TEXT = '0123456789';

  beforeAll(async () => {
    await files.put('digits', TEXT);
  });

  it.each([
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-300', TEXT, 'bytes 0-9/10'],
    ['bytes=5-500', '56789', 'bytes 5-9/10'],
  ])('of the range %s is a part', async (range, text, contentRange) => {
    const { status, headers, body } = await files.get('digits', { Range: range });
    expect([status, body.toString(), headers['content-range']]).toEqual([206, text, contentRange]);
    expect(headers['content-length']).toBe(String(text.length));
  });

  it.each(['bytes=1-2,4-5', 'bytes=4-2', 'lines=1-2', 'bytes=x', 'bytes=-'])(
    'is whole where the range is %s',
    async (range) => {
      const { status, body } = await files.get('digits', { Range: range });
      expect([status, body.toString()]).toEqual([200, TEXT]);
    },
  );

  it('refuses a range that is not there with the size', async () => {
    for (const range of ['bytes=10-', 'bytes=-0']) {
      const reply = await files.get('digits', { Range: range });
      expect([reply.status, reply.headers['content-range']]).toEqual([416, 'bytes */10']);
      expect(refusalOf(reply)).toMatchObject({ reason: 'range_not_satisfiable', size: 10 });
    }
  });

  it('is not sent again to who has it, until the file changes', async () => {
    const { headers } = await files.get('digits');
    const etag = String(headers.etag);
    const again = await files.get('digits', { 'If-None-Match': `"other", W/${etag}` });
    expect([again.status, again.body.length, again.headers.etag]).toEqual([304, 0, etag]);
    expect((await files.get('digits', { Range: 'bytes=1-1', 'If-Range': etag })).status).toBe(206);
    // The same size, and the same time of change as far as a program can set it.
    await box.sh('cp -p digits before && printf abcdefghij > digits && touch -r before digits');
    const changed = await files.get('digits', { 'If-None-Match': etag });
    expect([changed.status, changed.body.toString()]).toEqual([200, 'abcdefghij']);
    expect((await files.get('digits', { Range: 'bytes=1-1', 'If-Range': etag })).status).toBe(200);
    expect((await files.get('digits', { 'If-Match': etag })).status).toBe(412);
    await files.put('digits', TEXT);
  });

  it('by HEAD tells the same without a body', async () => {
    const { headers: got } = await files.get('digits');
    const head = await files.ask('HEAD', files.address('digits'), { Range: 'bytes=1-2' });
    const { date: _date, ...rest } = head.headers;
    const { date: _other, ...expected } = got;
    expect([head.status, head.body.length, rest]).toEqual([200, 0, expected]);
    const none = await files.ask('HEAD', files.address('none'));
    expect([none.status, none.body.length]).toEqual([404, 0]);
  });

  it('is never shown as a page of this server', async () => {
    await files.put('page.html', '<script>alert(1)</script>');
    const { headers } = await files.get('page.html');
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-disposition': 'attachment; filename=page.html',
      'content-security-policy': "sandbox; default-src 'none'",
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('has a name that is safe in a header', async () => {
    const name = 'a "b"\r\nSet-Cookie: x=1; ü€.txt';
    await files.put(name, 'x');
    const { headers } = await files.get(name);
    expect(headers['set-cookie']).toBeUndefined();
    expect(headers['content-disposition']).toContain(`filename*=UTF-8''a%20%22b%22%0D%0ASet-Cookie`);
  });

  it('of a file that becomes shorter breaks instead of ending', async () => {
    await box.sh('head -c 40000000 /dev/zero > shrinks');
    const sent = files.open('GET', files.address('shrinks'));
    sent.end();
    const [response] = await once(sent, 'response');
    expect(response.headers['content-length']).toBe('40000000');
    await box.sh('truncate -s 1000 shrinks');
    await closed(response.resume());
    expect(response.complete).toBe(false);
    await box.sh('rm shrinks');
  });

  it('of a directory is a tar, with links as links', async () => {
    await box.sh(
      `mkdir -p tree/sub "tree/$1" && cd tree && echo deep > sub/file && ln -s /etc/passwd link
      printf raw > "$1/file" && mkfifo fifo && chmod 700 sub`,
      'ü "quoted"',
    );
    const { status, headers, body, whole } = await files.get('tree');
    expect([status, whole, headers['content-type']]).toEqual([200, true, 'application/x-tar']);
    expect(headers['content-disposition']).toBe('attachment; filename=tree.tar');
    const listed = execFileSync('tar', ['-tvf', '-', '--quoting-style=literal'], { input: body, encoding: 'utf8' });
    expect(listed).toContain('tree/link -> /etc/passwd');
    expect(listed).toContain('tree/ü "quoted"/file');
    expect(listed).not.toContain('fifo');
    const text = execFileSync('tar', ['-xOf', '-', 'tree/sub/file'], { input: body, encoding: 'utf8' });
    expect(text).toBe('deep\n');
  });

  it('of a directory that cannot be read whole is no whole tar', async () => {
    await box.sh('mkdir -p closed && head -c 3000000 /dev/zero > closed/a && touch closed/z && chmod 000 closed/z');
    // Which of the two comes first is the file system's to say.
    const reply = await files.get('closed');
    expect(reply.status === 403 || !reply.whole).toBe(true);
    await box.sh('rm closed/a');
    const small = await files.get('closed');
    expect([small.status, refusalOf(small).reason]).toEqual([403, 'permission_denied']);
  });

  it('that nobody reads holds up nothing, and ends with its session', async () => {
    const session = await server.session();
    await session.sh('head -c 50000000 /dev/zero > large');
    const sent = filesOf(session).open('GET', filesOf(session).address('large'));
    sent.end();
    const [response] = await once(sent, 'response');
    expect(await session.sh('echo alive')).toBe('alive\n');
    expect(await session.state()).toBe('Active');
    await session.close();
    await closed(response.resume());
    expect(response.complete).toBe(false);
  });
});

describe('the data channel refuses', () => {
  it.each([
    ['a missing file', 'none', 404, 'not_found'],
    ['what is below a file', 'empty/x', 409, 'not_a_directory'],
    ['a file with a slash behind it', 'empty/', 409, 'not_a_directory'],
    ['a missing directory', 'none/', 404, 'not_found'],
    ['a file of root', '/etc/shadow', 403, 'permission_denied'],
    ['a device', '/dev/zero', 422, 'special_file'],
    ['the agent itself', '/proc/1/environ', 422, 'special_file'],
    ['a path out of the workspace', '../etc/passwd', 400, 'invalid_path'],
    ['a path with a zero byte', 'a\0b', 400, 'invalid_path'],
    ['a name that is too long', 'n'.repeat(300), 400, 'name_too_long'],
    ['a path that is too long', 'n/'.repeat(2500), 400, 'invalid_path'],
  ])('%s', async (_what, path, status, reason) => {
    const reply = await files.get(path);
    expect([reply.status, refusalOf(reply).reason]).toEqual([status, reason]);
    expect(refusalOf(reply).message).toMatch(/^\S.*\.$/);
  });

  it.each([
    ['a directory', '/workspace', 409, 'is_a_directory'],
    ['a name with a slash behind it', 'newdir/', 409, 'not_a_directory'],
    ['a file with a slash behind it', 'empty/', 409, 'not_a_directory'],
    ['the read-only root', '/etc/new', 403, 'read_only_file_system'],
    ['a device', '/dev/null', 422, 'special_file'],
  ])('to write over %s', async (_what, path, status, reason) => {
    const reply = await files.put(path, 'x');
    expect([reply.status, refusalOf(reply).reason]).toEqual([status, reason]);
  });

  it('sessions that are not there or not there any more', async () => {
    const session = await server.session();
    await session.close();
    const gone = await filesOf(session).get('x');
    expect([gone.status, refusalOf(gone)]).toMatchObject([410, { reason: 'session_ended', endReason: 'closed' }]);
    const none = await new HttpFiles(server.api.port, 's_none').put('x', 'y');
    expect([none.status, refusalOf(none).reason]).toEqual([404, 'session_not_found']);
  });

  it.each(['', '?path=', '?path=a&path=b', '?path[]=a', '?path=a&x=1', '?path=%ff', '?path=%'])(
    'the query "%s"',
    async (query) => {
      const reply = await files.ask('GET', `/v1/sessions/${box.id}/files${query}`);
      expect([reply.status, refusalOf(reply).reason]).toEqual([400, 'invalid_params']);
    },
  );

  it('other methods, parts and encodings', async () => {
    for (const method of ['POST', 'DELETE', 'PATCH', 'OPTIONS']) {
      const reply = await files.ask(method, files.address('digits'));
      expect([reply.status, reply.headers.allow]).toEqual([405, 'GET, HEAD, PUT']);
    }
    expect((await files.put('digits', 'x', { 'Content-Range': 'bytes 0-0/10' })).status).toBe(400);
    expect((await files.put('digits', 'x', { 'Content-Encoding': 'gzip' })).status).toBe(415);
    expect((await files.put('digits', 'x', { 'If-None-Match': '"tag"' })).status).toBe(400);
  });

  it('pages of others', async () => {
    const foreign: Record<string, string>[] = [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' },
    ];
    for (const headers of foreign) {
      expect((await files.get('digits', headers)).status).toBe(403);
      expect((await files.put('digits', 'x', headers)).status).toBe(403);
    }
    const own = await files.get('digits', {
      Origin: `http://127.0.0.1:${server.api.port}`,
      'Sec-Fetch-Site': 'same-origin',
    });
    expect(own.status).toBe(200);
  });

  it('more transfers of a session than it may have at once', async () => {
    const sockets = await Promise.all(
      [1, 2, 3].map((number) => files.rawPut(`many-${number}`, { 'Content-Length': 10 })),
    );
    const refused = await eventually(
      () => files.get('digits'),
      ({ status }) => status === 429,
      'there is no room for another',
    );
    expect(refusalOf(refused)).toMatchObject({ reason: 'rate_limited', retryAfterMs: 1000 });
    expect(refused.headers['retry-after']).toBe('1');
    for (const socket of sockets) socket.destroy();
    await eventually(
      () => files.get('digits'),
      ({ status }) => status === 200,
      'there is room again',
    );
  });
});
