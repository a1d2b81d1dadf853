import { describe, expect, it } from 'vitest';

import { endOf } from '../support/answers.js';
import { eventually } from '../support/eventually.js';
import { HOLD, release } from '../support/held.js';
import { docker } from '../support/leftovers.js';
import { useServer } from '../support/server-under-test.js';
import { written } from '../support/streamed.js';
import type { TestSession } from '../support/test-session.js';

const MS_PER_MINUTE = 60_000;
const EVERY_SECOND = '*/1 * * * * *';

describe('the time of a session', () => {
  const server = useServer({ CLEAN_UP_CRON: EVERY_SECOND });
  const extend = ({ id }: TestSession, changes: object): Promise<any> =>
    server.client.call('session.extend', { sessionId: id, ...changes });

  it('runs out when it is idle for as long as it was told', async () => {
    const session = await server.session({ idleTimeoutMinutes: 0.02 });
    expect(await endOf(server.client, session.id)).toMatchObject({
      code: -32002,
      data: { reason: 'session_ended', endReason: 'idle_timeout' },
    });
    await gone(session);
    expect(await server.client.refusal('session.close', { sessionId: session.id })).toMatchObject({
      data: { endReason: 'idle_timeout' },
    });
  });

  it('runs out when it has lived for as long as it may', async () => {
    const session = await server.session({ maxLifetimeMinutes: 0.02 });
    expect(await endOf(server.client, session.id)).toMatchObject({ data: { endReason: 'lifetime_exceeded' } });
    await gone(session);
  });

  it('never counts as idle time while a command runs, and begins anew behind it', async () => {
    const session = await server.session();
    const running = session.stream('execute_shell', HOLD);
    await written(server.client, running.id, 'up');
    await extend(session, { idleTimeoutMinutes: 0.01 });
    // Idle for as long and made later: when it is ended, the clean-up has seen both.
    const canary = await server.session({ idleTimeoutMinutes: 0.01 });
    await endOf(server.client, canary.id);
    expect(await server.client.call('session.get', { sessionId: session.id })).toMatchObject({ state: 'Active' });
    await extend(session, { idleTimeoutMinutes: 30 });
    await release(session);
    expect(await running.result).toMatchObject({ success: true, result: { exitCode: 0 } });
    const behind = await server.session({ idleTimeoutMinutes: 0.01 });
    await endOf(server.client, behind.id);
    expect(await session.sh('echo here')).toBe('here\n');
    await extend(session, { idleTimeoutMinutes: 0.01 });
    expect(await endOf(server.client, session.id)).toMatchObject({ data: { endReason: 'idle_timeout' } });
  });

  it('kills what runs when the life is over, and whoever waits hears it with the output so far', async () => {
    const session = await server.session();
    const running = session.stream('execute_shell', HOLD);
    await written(server.client, running.id, 'up');
    await extend(session, { maxLifetimeMinutes: 0.01 });
    expect(await running.result).toMatchObject({
      success: false,
      errorCode: 'killed',
      result: { endReason: 'killed', stdout: 'up\n', exitCode: null },
    });
    expect(await endOf(server.client, session.id)).toMatchObject({ data: { endReason: 'lifetime_exceeded' } });
    await gone(session);
  });

  it('is what it was last extended to', async () => {
    const [saved, lost] = await Promise.all([server.session(), server.session()]);
    const soon = (session: TestSession): number =>
      (Date.now() - Date.parse(session.created.createdAt)) / MS_PER_MINUTE + 0.15;
    await extend(saved, { maxLifetimeMinutes: soon(saved) });
    await extend(saved, { maxLifetimeMinutes: 120 });
    await extend(lost, { maxLifetimeMinutes: soon(lost) });
    expect(await endOf(server.client, lost.id)).toMatchObject({ data: { endReason: 'lifetime_exceeded' } });
    expect(await saved.sh('echo here')).toBe('here\n');
  });
});

async function gone({ containerId }: TestSession): Promise<void> {
  await eventually(
    () =>
      docker()
        .getContainer(containerId)
        .inspect()
        .then(
          () => false,
          ({ statusCode }) => statusCode === 404,
        ),
    (isGone) => isGone,
    'the container is gone',
  );
}
