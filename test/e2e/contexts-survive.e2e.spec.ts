import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { useServerProcess } from '../support/server-process.js';
import { TestContext } from '../support/test-context.js';

const server = useServerProcess();
const again = ({ id, sessionId }: TestContext): TestContext => new TestContext(server.client, id, sessionId);

describe('a server that is killed', () => {
  it('finds its contexts again, with their state, and ends the cell that nobody waits for any more', async () => {
    const { id: sessionId } = await server.session();
    const idle = await TestContext.create(server.client, sessionId);
    const busy = await TestContext.create(server.client, sessionId);
    const ended = await TestContext.create(server.client, sessionId);
    const closed = await TestContext.create(server.client, sessionId);
    await idle.run('x = 41');
    await busy.run('y = 1');
    const running = busy.stream('import time\nprint("up", flush=True)\nwhile True: time.sleep(0.01)');
    await server.client.until(() => busy.streamed(running.id).includes('up'));
    await ended.run('import os\nos._exit(4)');
    await closed.call('close');

    await server.restart('SIGKILL');

    expect(await again(idle).run('x + 1')).toMatchObject({ results: [{ 'text/plain': '42' }], executionCount: 2 });
    expect(await again(busy).run('y')).toMatchObject({
      results: [{ 'text/plain': '1' }],
      stdout: '',
      executionCount: 3,
    });
    const { data } = await again(ended).refusal('execute', { code: '1' });
    expect(data).toMatchObject({ reason: 'context_ended', endReason: 'exited', exitCode: 4 });
    expect((await again(closed).refusal('execute', { code: '1' })).data['reason']).toBe('context_not_found');
    const { contexts } = await server.client.call('context.list', { sessionId });
    expect(contexts.map(({ contextId, state }: any) => [contextId, state])).toEqual([
      [idle.id, 'idle'],
      [busy.id, 'idle'],
      [ended.id, 'ended'],
    ]);
  });

  it('leaves no context among the background processes', async () => {
    const { id: sessionId } = await server.session();
    await TestContext.create(server.client, sessionId);
    await server.restart('SIGKILL');

    await eventually(
      () => server.client.call('context.list', { sessionId }),
      ({ count }) => count === 1,
      'the context is found again',
    );
    expect(await server.client.call('process.list', { sessionId })).toMatchObject({ count: 0 });
  });
});
