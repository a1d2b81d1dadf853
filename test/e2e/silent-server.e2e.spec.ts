import { describe, expect, it } from 'vitest';

import { eventually } from '../support/eventually.js';
import { useServerProcess } from '../support/server-process.js';

const server = useServerProcess();

describe('a server that is killed', () => {
  it('and does not come back leaves no command running but a detached one, and every process', async () => {
    const session = await server.session();
    const run = (seconds: string, more: object = {}): void => {
      const command = { type: 'execute_shell', commandName: 'sleep', args: [seconds], timeoutMs: 600_000 };
      server.client.send('session.execute', { sessionId: session.id, command, ...more }).result.catch(() => undefined);
    };
    run('9001');
    run('9002', { detach: true });
    await server.client.call('process.start', { sessionId: session.id, commandName: 'sleep', args: ['9003'] });
    const programs = async (): Promise<string[]> => (await session.programs()).toSorted();
    await eventually(programs, ({ length }) => length === 3, 'all three run');

    await server.stop('SIGKILL');

    const left = await eventually(programs, ({ length }) => length < 3, 'the agent has ended the command', 120_000);
    expect(left).toEqual(['sleep 9002', 'sleep 9003']);
    await server.start();
    await eventually(programs, ({ length }) => length === 1, 'only the process is left', 60_000);
    expect(await programs()).toEqual(['sleep 9003']);
    await server.again(session).close();
  });
});
