import { readFile } from 'node:fs/promises';

export const number = 30;
export const title = 'core dumps';
export const tries = 'raises its core limit and crashes, with much memory, again and again';
export const mustHappen = 'no core is written anywhere, and the end is told as the signal';
export const why = "a core goes where the host's core_pattern says: onto its disk, or to a program that runs as root";
export const session = { memoryLimitMB: 128 };

export async function run(ctx) {
  const pattern = (await readFile('/proc/sys/kernel/core_pattern', 'utf8').catch(() => 'unknown')).trim();
  await ctx.program('30-core-dumps.py');
  await ctx.keepUp(async () => {
    const reply = await ctx.session.run('python3', ['30-core-dumps.py']);
    const { signal, stdout } = ctx.expectEnd(reply, 'signaled');
    ctx.expect(signal === 'SIGABRT', `it died of ${signal}`);
    ctx.expect(stdout === 'limit 0 0, refused\n', `it wrote ${stdout}`);
  });
  const cores = ctx.expectDone(
    await ctx.session.sh('find / -xdev -name "*core.*" -newer 30-core-dumps.py 2>/dev/null; true'),
  );
  ctx.expect(cores === '', `there are cores: ${cores}`);
  await ctx.expectAlive();
  ctx.held(`limit 0, none written (the host's core_pattern is ${pattern})`);
}
