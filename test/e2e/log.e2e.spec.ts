import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { useServerProcess } from '../support/server-process.js';

describe('the log of a server', () => {
  let directory: string;
  const file = (): string => join(directory, 'logs', 'server.log');
  const env: Record<string, string> = { LOG_LEVEL: 'debug', LOG_FILE: '' };
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-log-'));
    await mkdir(join(directory, 'logs'));
    env['LOG_FILE'] = file();
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  const server = useServerProcess(env);

  const MARKS = ['code', 'file', 'stdin', 'argument', 'environment', 'output', 'failure', 'base64'];
  const mark = (of: string): string => `sEcReT-${of}-7f3a`;

  it('has a JSON object in every line, with the ids of session and request, and never code or content', async () => {
    const session = await server.session({ env: { SECRET: mark('environment') } });
    const sent = server.client.send('session.execute', {
      sessionId: session.id,
      command: { type: 'execute_code', code: `print('${mark('code')}'.replace('code', 'output'))` },
    });
    await sent.result;
    await session.ok('write_file', { path: 'a', content: mark('file') });
    const base64 = Buffer.from(mark('base64')).toString('base64');
    await session.ok('write_file', { path: 'b', content: base64, encoding: 'base64' });
    await session.ok('read_file', { path: 'a' });
    await session.run('cat', [mark('argument')], { stdin: mark('stdin') });
    await session.run('sh', ['-c', `echo ${mark('failure')} >&2; exit 3`]);
    await session.run('no-such-program', [mark('argument')]);
    await session.do('write_file', { path: '/proc/nowhere', content: mark('file') });
    await session.do('write_file', { path: 'c', content: `*${mark('base64')}`, encoding: 'base64' });
    await session.run('sleep', ['3600'], { timeoutMs: 50, stdin: mark('stdin') });
    await session.run('cat', [mark('argument').repeat(20_000)]).catch(() => undefined);
    await server.client.call('execution.run', { language: 'python', code: `'${mark('code')}'`, stdin: mark('stdin') });
    await session.do('execute_code', { code: mark('code'), language: 'cobol' });
    const wrong = { sessionId: session.id, command: { type: 'execute_code', code: [mark('code')] } };
    await server.client.refusal('session.execute', wrong);
    await session.close();
    await server.stop('SIGTERM');

    const logged = await everythingIn(join(directory, 'logs'));
    const lines = server.life.stdout.trim().split('\n');
    const entries = lines.map((line) => JSON.parse(line));
    for (const entry of entries) {
      expect(entry).toMatchObject({ level: expect.any(String), time: expect.any(String), message: expect.any(String) });
    }
    const own = entries.filter(({ sessionId, requestId }) => sessionId === session.id && requestId === sent.id);
    expect(own.length).toBeGreaterThan(0);
    expect(own[0]).toMatchObject({ method: 'session.execute', connectionId: expect.any(String) });
    for (const text of [server.life.stdout, server.life.stderr, logged]) {
      for (const of of MARKS) expect(text).not.toContain(mark(of));
      expect(text).not.toContain(base64);
    }
    // The file has what stdout has.
    expect(
      logged
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(entries);
  });
});

async function everythingIn(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort();
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}
