import { describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';

describe('the quotas of a server', () => {
  const server = useServer({
    MAX_SESSIONS: '2',
    MAX_QUEUED_CREATES: '0',
    MAX_MEMORY_MB: '256',
    MAX_CPUS: '1.5',
    MAX_PIDS: '128',
    MAX_DISK_MB: '64',
    MAX_LIFETIME_MINUTES: '60',
    MAX_TIMEOUT_MS: '10000',
  });

  it.each([
    { quota: 'memoryLimitMB', asked: 257, limit: 256 },
    { quota: 'cpuLimit', asked: 1.6, limit: 1.5 },
    { quota: 'pidsLimit', asked: 129, limit: 128 },
    { quota: 'diskLimitMB', asked: 65, limit: 64 },
    { quota: 'maxLifetimeMinutes', asked: 60.1, limit: 60 },
  ])('refuse a $quota of $asked', async ({ quota, asked, limit }) => {
    const refusal = await server.client.refusal('session.create', { language: 'python', [quota]: asked });
    expect(refusal).toMatchObject({ code: -32006, data: { reason: 'quota_exceeded', quota, limit } });
    expect(refusal.message).toContain(String(limit));
  });

  it('cap the defaults, so that a server which gives less refuses nobody for them', async () => {
    const session = await server.session();
    expect(session.created.config).toMatchObject({
      memoryLimitMB: 256,
      cpuLimit: 1,
      pidsLimit: 128,
      diskLimitMB: 64,
      maxLifetimeMinutes: 60,
      idleTimeoutMinutes: 30,
    });
    const command = { type: 'execute_shell', commandName: 'true' };
    for (const more of [{ timeoutMs: 10_001 }, { command: { ...command, timeoutMs: 10_001 } }]) {
      expect(await server.client.refusal('session.execute', { sessionId: session.id, command, ...more })).toMatchObject(
        { code: -32006, data: { reason: 'quota_exceeded', quota: 'timeoutMs', limit: 10_000 } },
      );
    }
    expect(await session.run('true')).toMatchObject({ success: true });
    await session.close();
  });

  it('let no storm of requests make more sessions than there may be', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => server.session()));
    const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
    expect(made).toHaveLength(2);
    for (const refusal of refused) {
      expect(refusal).toMatchObject({
        code: -32006,
        data: { reason: 'quota_exceeded', quota: 'maxSessions', limit: 2 },
      });
    }
    await made[0]!.close();
    const another = await server.session();
    expect(await another.run('true')).toMatchObject({ success: true });
    await Promise.all([made[1]!.close(), another.close()]);
  });
});
