import { setTimeout as delay } from 'node:timers/promises';

const AT_ONCE = 20;
const GONE_WITHIN_MS = 60_000;

export const number = 78;
export const title = 'connection dropped in the middle of commands';
export const tries = 'drops the connection without a word while commands run, and comes back by another';
export const mustHappen = 'what ran is ended with all that it started, and the session goes on for whoever comes back';
export const why = 'a command that nobody waits for any more runs for ever, or takes its session with it';

export async function run(ctx) {
  await ctx.keepUp(async () => {
    const client = await ctx.connect();
    const begun = Array.from({ length: AT_ONCE }, () => {
      const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', 'setsid sleep 600 & sleep 600'] };
      return client
        .begin('session.execute', { sessionId: ctx.session.sessionId, command })
        .result.catch(() => undefined);
    });
    await running(ctx, (count) => count >= AT_ONCE, 'the commands run');
    client.drop();
    await Promise.all(begun);
    await running(ctx, (count) => count === 0, 'nothing runs any more');
  });
  await ctx.expectNoProcess();
  await ctx.expectAlive();
  ctx.held(`${AT_ONCE} commands ended with what they had started, the session goes on`);
}

async function running(ctx, wanted, what) {
  const until = performance.now() + GONE_WITHIN_MS;
  for (;;) {
    const found = await ctx.session.sh('grep -l sleep /proc/[0-9]*/comm 2>/dev/null | wc -l');
    if (wanted(Number(ctx.expectDone(found)))) return;
    ctx.expect(performance.now() < until, `it did not come that ${what}: ${found.result.stdout.trim()} run`);
    await delay(50);
  }
}
