import { setTimeout as delay } from 'node:timers/promises';

import { docker } from '../../../soak/host.mjs';

/** How long after the calls the server is killed. */
const MOMENTS_MS = [20, 150];
const CLEAR_WITHIN_MS = 45_000;
const SMALL = { language: 'python', memoryLimitMB: 64, diskLimitMB: 16 };

export const number = 82;
export const title = 'server killed during create, command and close';
export const tries = 'kills the server while sessions are made, work and are closed, and starts it again';
export const mustHappen =
  'sessions that somebody knows of go on, with their processes; of all the rest no container and no disk is left';
export const why = 'what was being made or taken away belongs to nobody that the next server knows';
export const session = null;

export async function run(ctx) {
  const server = await ctx.ownServer();
  let kept;
  for (const momentMs of MOMENTS_MS) {
    const client = await ctx.connect(server);
    kept ??= await begin(client);
    const closing = await client.call('session.create', SMALL);
    const known = [];
    const note = (created) => known.push(created.sessionId);
    const shell = { type: 'execute_shell', commandName: 'sleep', args: ['5'] };
    const calls = [
      client.call('session.create', SMALL).then(note),
      client.call('session.create', SMALL).then(note),
      client.call('execution.run', { language: 'python', code: 'import time; time.sleep(5)' }),
      client.call('session.execute', { sessionId: kept.sessionId, command: shell }),
      client.call('session.close', { sessionId: closing.sessionId }),
    ];
    const over = Promise.allSettled(calls);
    await delay(momentMs);
    await server.end('SIGKILL');
    await over;
    await server.start();
    const again = await ctx.connect(server);
    await expectTruth(ctx, again, server, [kept.sessionId, ...known]);
    await expectKept(ctx, again, kept);
    await closeOthers(again, kept.sessionId);
  }
  ctx.held(`killed ${MOMENTS_MS.length} times; the session and its process went on, nothing else was left`);
}

async function begin(client) {
  const { sessionId } = await client.call('session.create', SMALL);
  const command = { type: 'write_file', path: 'kept', content: 'mine' };
  await client.call('session.execute', { sessionId, command });
  const { processId } = await client.call('process.start', { sessionId, commandName: 'sleep', args: ['600'] });
  return { sessionId, processId };
}

/** Every session that a client was told of is there, and the engine has the containers of the listed ones and no more. */
async function expectTruth(ctx, client, { serverId }, wanted) {
  const until = performance.now() + CLEAR_WITHIN_MS;
  for (;;) {
    const { sessions } = await client.call('session.list', {});
    const missing = wanted.filter((id) => !sessions.some(({ sessionId }) => sessionId === id));
    ctx.expect(missing.length === 0, `${missing.length} sessions that clients know of are lost`);
    const found = await docker.listContainers({ all: true, filters: { label: [`codebeaker=${serverId}`] } });
    const listed = sessions.map(({ containerId }) => containerId);
    const nobodys = found.filter(({ Id }) => !listed.includes(Id));
    if (nobodys.length === 0 && found.length === listed.length) return;
    ctx.expect(performance.now() < until, `${nobodys.length} containers are nobody's, of ${found.length}`);
    await delay(100);
  }
}

async function expectKept(ctx, client, { sessionId, processId }) {
  const command = { type: 'read_file', path: 'kept' };
  const { result } = await client.call('session.execute', { sessionId, command });
  ctx.expect(result?.content === 'mine', 'the session that was kept has lost its file');
  const { processes } = await client.call('process.list', { sessionId });
  const own = processes.find((one) => one.processId === processId);
  ctx.expect(own?.state === 'running', `its process is ${JSON.stringify(own)}`);
}

async function closeOthers(client, kept) {
  const { sessions } = await client.call('session.list', {});
  const others = sessions.filter(({ sessionId }) => sessionId !== kept);
  await Promise.all(others.map(({ sessionId }) => client.call('session.close', { sessionId })));
}
