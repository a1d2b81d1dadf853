import { describe, expect, it } from 'vitest';

import { docker, containersOf } from '../support/leftovers.js';
import { eventually } from '../support/eventually.js';
import { useServer } from '../support/server-under-test.js';
import { useServerProcess } from '../support/server-process.js';
import { SecondEngine } from '../support/second-engine.mjs';
import { imageOf } from '../support/images.js';
import { newServerId, TestApi } from '../support/api.js';
import { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const EVERY_SECOND = '* * * * * *';
const POOL = { POOL_SIZE: '2', POOL_MAX_CONTAINERS: '2', POOL_FREE_MEMORY_MB: '0', CLEAN_UP_CRON: EVERY_SECOND };
/** What the agent needs, and /tmp. */
const BESIDES_MB = 24 + 64;

async function poolOf(url: string): Promise<any> {
  const { details }: any = await (await fetch(`${url}/health`)).json();
  return details.pool;
}

function ready(url: string, idle = 2): Promise<any> {
  return eventually(
    () => poolOf(url),
    (pool) => pool.idle === idle && pool.filling === 0,
    `${idle} sandboxes are ready`,
    60_000,
  );
}

describe('a server that makes sandboxes ahead', () => {
  const server = useServer({ ...POOL, DISK_LIMIT: 'tmpfs' });
  const idsOf = async (): Promise<string[]> => (await containersOf(server.api.serverId)).map(({ Id }) => Id);

  it('hands one out that was there before, as good as a new one, and makes another', async () => {
    const first = await server.session();
    await ready(server.api.url);
    const before = await idsOf();

    const session = await server.session({ labels: { of: 'mine' }, env: { GREETING: 'hello' } });
    expect(before).toContain(session.containerId);
    expect(await session.sh('echo "$GREETING"; ls -A /workspace /tmp; id -u')).toBe(
      'hello\n/tmp:\n\n/workspace:\n10001\n',
    );
    expect(await server.client.call('session.get', { sessionId: session.id })).toMatchObject({
      labels: { of: 'mine' },
      config: { memoryLimitMB: 512 },
    });
    expect(await ready(server.api.url)).toMatchObject({ hits: 1, resized: 0, misses: 1 });
    await Promise.all([first.close(), session.close()]);
  });

  it('shows none of them as sessions', async () => {
    await ready(server.api.url);
    const { sessions } = await server.client.call('session.list');
    const pooled = await idsOf();

    expect(sessions).toEqual([]);
    expect(pooled).toHaveLength(2);
    await server.client.refusal('session.get', { sessionId: pooled[0] });
  });

  it('gives one the limits that were asked for, and they hold', async () => {
    await ready(server.api.url);
    const before = await idsOf();
    const session = await server.session({ memoryLimitMB: 100, cpuLimit: 0.5, pidsLimit: 20 });

    expect(before).toContain(session.containerId);
    const { HostConfig } = await docker().getContainer(session.containerId).inspect();
    expect(HostConfig).toMatchObject({
      Memory: (100 + BESIDES_MB + 1024) * MIB,
      MemorySwap: (100 + BESIDES_MB + 1024) * MIB,
      NanoCpus: 5e8,
      PidsLimit: 20 + 48,
    });
    const forks = 'import subprocess\nfor _ in range(40): subprocess.Popen(["sleep", "9"])';
    expect((await session.run('python3', ['-c', forks])).result.limitsHit).toContain('pids');
    await session.close();
  });

  it('never hands out one that stands still', async () => {
    await ready(server.api.url);
    const pooled = await idsOf();
    for (const id of pooled) await docker().getContainer(id).pause();
    const session = await server.session();

    expect(pooled).not.toContain(session.containerId);
    expect(await session.sh('echo well')).toBe('well\n');
    await eventually(
      idsOf,
      (ids) => pooled.every((id) => !ids.includes(id)),
      'those that stood still are removed',
      90_000,
    );
    await session.close();
  });

  it('runs each execution in a sandbox that nobody had, and removes it behind the reply', async () => {
    await ready(server.api.url);
    const pooled = await idsOf();
    const code = [
      'import os',
      'print(sorted(os.listdir("/workspace")), sorted(os.listdir("/tmp")))',
      'for path in ("/workspace/mine", "/tmp/mine", "/dev/shm/mine"): open(path, "w").write("secret")',
    ].join('\n');
    const { hits } = await poolOf(server.api.url);
    const runs = await Promise.all(
      Array.from({ length: 4 }, () => server.client.call('execution.run', { language: 'python', code })),
    );

    const seen = runs.map(({ stdout }: any) => stdout.replaceAll(/\.run-[^']*/g, 'source'));
    expect(new Set(seen).size).toBe(1);
    expect(seen[0]).not.toContain('mine');
    expect((await poolOf(server.api.url)).hits).toBeGreaterThanOrEqual(hits + 2);
    await eventually(idsOf, (ids) => pooled.every((id) => !ids.includes(id)), 'what ran is removed');
  });
});

describe('a pool and the life of its server', () => {
  const server = useServerProcess({ ...POOL, POOL_LANGUAGES: 'python' });
  const idsOf = async (): Promise<string[]> => (await containersOf(server.serverId)).map(({ Id }) => Id);

  it('is ready before anybody asks, is removed after a SIGKILL, and is made anew', async () => {
    await ready(server.url);
    const session = await server.session();
    await ready(server.url);
    const before = (await idsOf()).filter((id) => id !== session.containerId);
    expect(before).toHaveLength(2);

    await server.restart('SIGKILL');
    await ready(server.url);
    const after = await idsOf();
    for (const id of before) expect(after).not.toContain(id);
    expect(after).toContain(session.containerId);
    expect(await server.again(session).sh('echo still')).toBe('still\n');
    await server.again(session).close();
  });

  it('is removed when the server ends', async () => {
    await ready(server.url);
    await server.stop('SIGTERM');

    expect(await idsOf()).toEqual([]);
  });
});

describe('a pool whose engine goes away', () => {
  it('hands out nothing that is gone, and is made anew when the engine is back', async () => {
    const engine = new SecondEngine();
    await engine.make([imageOf('agent'), imageOf('python')]);
    const api = await TestApi.start({
      ...POOL,
      DOCKER_HOST: engine.dockerHost,
      SERVER_ID: newServerId(),
      DISK_LIMIT: 'tmpfs',
      POOL_LANGUAGES: 'python',
    });
    try {
      await ready(api.url);
      const client = await api.connect();
      await engine.stop();
      expect((await client.refusal('session.create', { language: 'python' })).data).toMatchObject({
        reason: 'engine_unavailable',
      });
      expect((await poolOf(api.url)).idle).toBe(0);

      await engine.start();
      await ready(api.url);
      const session = new TestSession(client, await client.call('session.create', { language: 'python' }));
      expect(await session.sh('echo well')).toBe('well\n');
      await session.close();
    } finally {
      await api.stop();
      await engine.remove();
    }
  }, 180_000);
});
