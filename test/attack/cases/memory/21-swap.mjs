import { readFile } from 'node:fs/promises';

import { inspect } from '../../host.mjs';

export const number = 21;
export const title = 'swap pressure';
export const tries = 'takes more than its memory, cold, and asks the kernel to put it out (MADV_PAGEOUT)';
export const mustHappen = 'nothing of it is swapped: it is out_of_memory at its limit, and the host writes no swap';
export const why = 'a session that swaps makes the disk slow for all, and its limit a lie';
export const session = { memoryLimitMB: 128, diskLimitMB: 32 };

export async function run(ctx) {
  const container = await inspect(ctx.session.containerId);
  const { Memory, MemorySwap } = container.HostConfig;
  ctx.expect(MemorySwap === Memory, `memory is ${Memory}, and with swap ${MemorySwap}`);
  const before = await swappedOut();
  ctx.expectEnd(await ctx.attack('21-swap.py', [], { timeoutMs: 60_000 }), 'out_of_memory');
  const swapped = (await swappedOut()) - before;
  ctx.expect(swapped === 0, `the host swapped ${swapped} pages out`);
  await ctx.expectAlive();
  ctx.held('out_of_memory, and nothing swapped out');
}

/** Pages, since the host was started; 0 where that is not told. */
async function swappedOut() {
  const counters = await readFile('/proc/vmstat', 'utf8').catch(() => '');
  return Number(/^pswpout (\d+)/m.exec(counters)?.[1] ?? 0);
}
