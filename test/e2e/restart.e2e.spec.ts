import { afterEach, describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { containersOf, docker } from '../support/leftovers.js';
import { ENDLESS, fixed } from '../support/restarts.js';
import { useServerProcess } from '../support/server-process.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MIB = 1_048_576;
const EVERY_SECOND = '*/1 * * * * *';
/** How long a change may take until a server that is killed has told it to the sandbox, with room for a slow machine. */
const TOLD_AFTER_MS = 3_000;
/** Several times what it takes. */
const ORPHANS_GONE_MS = 150_000;

describe('a server that is killed and started again', () => {
  const server = useServerProcess({
    CLEAN_UP_CRON: EVERY_SECOND,
    ORPHAN_AGE_SECONDS: '2',
    MAX_FRAME_BYTES: String(64 * MIB),
  });
  const list = async (): Promise<any[]> => (await server.client.call('session.list', { limit: 1000 })).sessions;
  const view = async ({ id }: TestSession): Promise<any> =>
    (await list()).find(({ sessionId }: any) => sessionId === id);

  afterEach(async () => {
    for (const { sessionId } of await list()) await server.client.call('session.close', { sessionId });
  });

  it('has all its sessions again as they were, with their files', async () => {
    const one = await server.session({
      language: 'py',
      name: 'the first',
      labels: { team: 'blue', kind: 'a' },
      env: { GREETING: 'still here' },
      memoryLimitMB: 200,
      cpuLimit: 0.5,
      pidsLimit: 64,
      diskLimitMB: 64,
      idleTimeoutMinutes: 11,
      maxLifetimeMinutes: 77,
    });
    const other = await server.session({ language: 'nodejs' });
    await server.client.call('session.extend', { sessionId: one.id, idleTimeoutMinutes: 22 });
    await one.ok('write_file', { path: 'kept/file.txt', content: 'kept: ✓' });
    const startedAt = performance.now();
    while (performance.now() - startedAt < TOLD_AFTER_MS) await one.sh('echo more >> kept/log');
    const log = await one.sh('cat kept/log');
    const before = await list();
    const { State } = await docker().getContainer(one.containerId).inspect();

    await server.restart('SIGKILL');

    const after = await list();
    expect(after.map(fixed)).toEqual(before.map(fixed));
    expect(after.map(({ sessionId }: any) => sessionId)).toEqual([one.id, other.id]);
    expect(await docker().getContainer(one.containerId).inspect()).toMatchObject({
      State: { Pid: State.Pid, StartedAt: State.StartedAt },
    });
    const [then, now] = [before[0], after[0]];
    expect(now.config.idleTimeoutMinutes).toBe(22);
    expect(now.executionCount).toBeGreaterThan(0);
    expect(now.executionCount).toBeLessThanOrEqual(then.executionCount);
    expect(Date.parse(now.lastActivity)).toBeLessThanOrEqual(Date.parse(then.lastActivity));
    expect(Date.parse(now.lastActivity)).toBeGreaterThan(Date.parse(then.createdAt));

    const again = server.again(one);
    expect(await again.ok('read_file', { path: 'kept/file.txt' })).toMatchObject({ content: 'kept: ✓' });
    expect(await again.sh('cat kept/log')).toBe(log);
    expect(await again.sh('echo "$GREETING"')).toBe('still here\n');
    expect(await again.ok('execute_code', { code: 'print(6 * 7)' })).toMatchObject({ stdout: '42\n' });
    expect(await server.again(other).ok('execute_code', { code: 'console.log(6 * 7)' })).toMatchObject({
      stdout: '42\n',
    });
    expect((await view(one)).executionCount).toBe(now.executionCount + 4);
  });

  it('ends what ran when it died, with all that it had started', async () => {
    const session = await server.session();
    const running = session.stream('execute_shell', ENDLESS);
    await written(server.client, running.id, 'up');
    expect((await session.programs()).filter((program) => program.startsWith('sleep'))).toHaveLength(2);

    await server.restart('SIGKILL');

    await expect(running.result).rejects.toThrow('the socket closed');
    await eventually(
      () => session.programs(),
      (programs) => programs.length === 0,
      'nothing runs in the container',
    );
    expect(await view(session)).toMatchObject({ state: 'Idle' });
    expect(await server.again(session).sh('echo fine')).toBe('fine\n');
  });

  it('leaves a large file that it was writing old or absent, and confuses nobody by the half of it', async () => {
    const session = await server.session({ diskLimitMB: 256 });
    let interrupted = 0;
    for (let round = 0; round < 10 && interrupted < 2; round++) {
      const now = server.again(session);
      const path = round % 2 === 0 ? 'replaced' : `new-${round}`;
      await now.ok('write_file', { path: 'replaced', content: 'old' });
      const content = `${round}`.repeat(32 * MIB);
      const watching = now.stream('execute_shell', { commandName: 'python3', args: ['-c', WATCH] });
      await written(server.client, watching.id, 'watching');
      const writing = server.client.send('session.execute', {
        sessionId: session.id,
        command: { type: 'write_file', path, content },
      });
      let isWritten = false;
      const outcome = writing.result.then(
        () => (isWritten = true),
        () => undefined,
      );
      await Promise.race([written(server.client, watching.id, 'begun'), outcome]);
      await server.restart('SIGKILL');
      await outcome;

      const files = await contents(server.again(session));
      const whole = `${32 * MIB} ${round}`;
      if (path === 'replaced') expect(['3 old', whole]).toContain(files['replaced']);
      else expect([undefined, whole]).toContain(files[path]);
      if (files[path] !== whole) interrupted++;
      expect(isWritten && files[path] !== whole).toBe(false);
      // Nothing of the unfinished one is left under any other name.
      expect(Object.keys(files).filter((name) => name !== 'replaced' && name !== path)).toEqual([]);
      if (path !== 'replaced' && files[path] !== undefined) await server.again(session).ok('delete_file', { path });
    }
    expect(interrupted).toBe(2);
    const after = server.again(session);
    await after.ok('write_file', { path: 'replaced', content: 'x'.repeat(3 * MIB) });
    expect(await after.sh('wc -c < replaced')).toBe(`${3 * MIB}\n`);
  });

  it('has a working session for every container, whatever was being made or closed when it died', async () => {
    const made = await Promise.all([1, 2, 3].map(() => server.session()));
    const storm = [
      ...Array.from({ length: 6 }, () => server.session()),
      ...made.slice(1).map((session) => session.close()),
      made[0]!.run('sleep', ['3600']),
    ].map((promise) => promise.catch(() => undefined));
    await Promise.race(storm);
    await server.restart('SIGKILL');
    await Promise.all(storm);
    await eventually(
      async () => [(await containersOf(server.serverId)).map(({ Id }) => Id).sort(), await containersInList()],
      ([containers, sessions]) => JSON.stringify(containers) === JSON.stringify(sessions),
      'containers and sessions are the same again',
      ORPHANS_GONE_MS,
    );
    const { sessions } = await server.client.call('session.list', {});
    for (const { sessionId } of sessions) {
      expect(await server.client.execute(sessionId, { type: 'execute_shell', commandName: 'true' })).toMatchObject({
        success: true,
      });
    }
    // Its disk is the first that this life makes: what the one before left half made must not be in its way.
    expect(await (await server.session()).sh('echo fine')).toBe('fine\n');
  }, 240_000);

  async function containersInList(): Promise<string[]> {
    const ids: string[] = (await list()).map(({ containerId }: any) => containerId);
    return ids.sort();
  }
});

/** Says when a name comes up in /workspace that was not there. */
const WATCH = `
import os
seen = set(os.listdir('/workspace'))
print('watching', flush=True)
while set(os.listdir('/workspace')) <= seen:
    pass
print('begun', flush=True)
`;

/** Size and distinct characters of every file, by name; three characters and the text of a short one. */
async function contents(session: TestSession): Promise<Record<string, string>> {
  const code = `
import json, os
def told(name):
    data = open('/workspace/' + name).read()
    return f'{len(data)} ' + (data if len(data) < 100 else ''.join(sorted(set(data))))
print(json.dumps({name: told(name) for name in os.listdir('/workspace')}))
`;
  return JSON.parse(await session.python(code));
}
