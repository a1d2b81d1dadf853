import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { useServerProcess } from '../support/server-process.js';
import { TestContext } from '../support/test-context.js';
import type { TestSession } from '../support/test-session.js';

const server = useServerProcess({
  POOL_SIZE: '1',
  POOL_MAX_CONTAINERS: '1',
  POOL_FREE_MEMORY_MB: '0',
  POOL_LANGUAGES: 'python',
});

/** A session out of the pool. */
async function pooled(params: object = {}): Promise<TestSession> {
  await eventually(
    async () => (await (await fetch(`${server.url}/health`)).json()) as any,
    ({ details }) => details.pool.idle === 1,
    'a sandbox is ready',
    60_000,
  );
  return server.session(params);
}

/** Ids of the interpreters of contexts that run in a session. */
async function interpreters(session: TestSession): Promise<string[]> {
  return (await session.python(FIND)).split('\n').filter((pid) => pid !== '');
}

async function processIdOf(context: TestContext): Promise<string> {
  return (await context.run('import os; os.getpid()')).results[0]['text/plain'];
}

describe('an interpreter that waits in a sandbox made ahead', () => {
  it('becomes the first context, and only the first', async () => {
    const session = await pooled();
    const waiting = await interpreters(session);
    expect(waiting).toHaveLength(1);

    const context = await TestContext.create(server.client, session.id);

    expect(await context.run('import os\n[os.getpid(), os.getcwd(), os.environ["HOME"]]')).toMatchObject({
      results: [{ 'text/plain': `[${waiting[0]}, '/workspace', '/workspace']` }],
      stdout: '',
      executionCount: 1,
    });
    expect(waiting).not.toContain(await processIdOf(await TestContext.create(server.client, session.id)));
    await context.call('restart');
    expect(waiting).not.toContain(await processIdOf(context));
    await session.close();
  });

  it('is seen in no list until then, and keeps no session Active', async () => {
    const session = await pooled();

    expect(await server.client.call('context.list', { sessionId: session.id })).toMatchObject({ count: 0 });
    expect(await server.client.call('process.list', { sessionId: session.id })).toMatchObject({ count: 0 });
    expect(await session.state()).toBe('Idle');
    await session.close();
  });

  it('is replaced where it was killed, or stopped, by the programs of its session', async () => {
    for (const signal of ['KILL', 'STOP']) {
      const session = await pooled();
      const [waiting] = await interpreters(session);
      await session.sh(`kill -${signal} ${waiting}`);

      const context = await TestContext.create(server.client, session.id);

      const started = await processIdOf(context);
      expect(started).not.toBe(waiting);
      expect(await interpreters(session)).toEqual([started]);
      await session.close();
    }
  });

  it('is not taken where the session has an environment of its own', async () => {
    const session = await pooled({ env: { GREETING: 'hello' } });
    const context = await TestContext.create(server.client, session.id);

    expect(await context.run('import os; os.environ["GREETING"]')).toMatchObject({
      results: [{ 'text/plain': "'hello'" }],
    });
    await session.close();
  });

  it('is found again after the death of the server: one that waits as such, one that was taken as a context', async () => {
    const [first, second] = [await pooled(), await pooled()];
    const waiting = await interpreters(first);
    const taken = await TestContext.create(server.client, second.id);

    await server.restart('SIGKILL');

    expect(await server.client.call('context.list', { sessionId: first.id })).toMatchObject({ count: 0 });
    expect(await server.client.call('context.list', { sessionId: second.id })).toMatchObject({
      contexts: [{ contextId: taken.id, state: 'idle', executionCount: 0 }],
    });
    expect(await processIdOf(await TestContext.create(server.client, first.id))).toBe(waiting[0]);
  });

  // The last: the pool then makes such a sandbox instead of what the others ask for.
  it('is ended where the sandbox gets other limits', async () => {
    const session = await pooled({ memoryLimitMB: 64, pidsLimit: 9 });

    expect(await interpreters(session)).toEqual([]);
    await session.close();
  });
});

const FIND = `
import os
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        words = open(f'/proc/{pid}/cmdline').read().split(chr(0))
    except OSError:
        continue
    if 'import codebeaker_driver' in words:
        print(pid)
`;
