import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { outcomeOf } from '../../answers.mjs';

const HOURS_MS = 3 * 3_600_000;
/** The server has cleaned up once more by then. */
const LOOKED_MS = 1_500;
const ENDED_WITHIN_MS = 60_000;
const SMALL = { language: 'python', memoryLimitMB: 64, diskLimitMB: 16 };

export const number = 86;
export const title = 'clock that jumps';
export const tries = "sets the server's clock three hours on and back, while it runs and between two lives of it";
export const mustHappen = 'no session ends too early or too late, no command times out, and new sessions are made';
export const why = 'what is measured by the time of day ends at once, or never, when somebody sets it';
export const session = null;

export async function run(ctx) {
  const preload = new URL('../../clock.mjs', import.meta.url).href;
  const clock = await clockFile(ctx);
  const server = await ctx.ownServer({
    NODE_OPTIONS: `--import=${preload}`,
    CLOCK_FILE: clock.path,
    CLEAN_UP_CRON: '* * * * * *',
  });
  const client = await ctx.connect(server);
  const { sessionId } = await client.call('session.create', { ...SMALL, idleTimeoutMinutes: 30 });
  for (const hoursMs of [HOURS_MS, -HOURS_MS]) {
    const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', 'sleep 1; echo done'], timeoutMs: 60_000 };
    const running = client.call('session.execute', { sessionId, command });
    await clock.set(hoursMs, server);
    const brief = await client.call('session.create', { ...SMALL, idleTimeoutMinutes: 0.02 });
    const wrongBy = Date.parse(brief.createdAt) - Date.now();
    ctx.expect(Math.abs(wrongBy - hoursMs) < 60_000, `the clock was not set: it is wrong by ${wrongBy} ms`);
    ctx.expectDone(await running, 'a command that ran over the jump');
    await ended(ctx, client, brief.sessionId);
    await delay(LOOKED_MS);
    await expectYoung(ctx, client, sessionId);
  }
  await server.end('SIGKILL');
  await clock.set(HOURS_MS);
  await server.start();
  const again = await ctx.connect(server);
  await expectYoung(ctx, again, sessionId);
  await delay(LOOKED_MS);
  await expectYoung(ctx, again, sessionId);
  ctx.held(
    'on and back by three hours, and on by six between two lives: no session ended but those whose time was over',
  );
}

async function clockFile(ctx) {
  const path = join(await ctx.temporaryDirectory(), 'clock');
  await writeFile(path, '0');
  return {
    path,
    async set(ms, server) {
      await writeFile(path, String(ms));
      if (!server) return;
      process.kill(server.pid, 'SIGWINCH');
      while ((await readFile(`${path}.read`, 'utf8').catch(() => '')) !== String(ms)) await delay(10);
    },
  };
}

/** The session lives, and is as old as it is. */
async function expectYoung(ctx, client, sessionId) {
  const { result, reason } = await outcomeOf(client.call('session.get', { sessionId }));
  ctx.expect(result, `the session was answered ${reason}`);
  ctx.expect(result.lifetimeMinutes < 5, `the session is said to be ${result.lifetimeMinutes} minutes old`);
}

async function ended(ctx, client, sessionId) {
  const until = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    const { reason, message } = await outcomeOf(client.call('session.get', { sessionId }));
    if (reason === 'session_ended' && message.includes('idle_timeout')) return;
    ctx.expect(performance.now() < until, `a session whose time is over was answered ${reason}`);
    await delay(100);
  }
}
