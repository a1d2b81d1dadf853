import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

import { usageOf } from '../../../soak/host.mjs';
import { frameHead, rawSocket } from '../../raw.mjs';

const GIB = 1 << 30;
const PART = Buffer.alloc(1 << 20, 0x20);
const WITHIN_MS = 10_000;
const MORE_MEMORY_MIB = 96;

export const number = 72;
export const title = 'frame of 1 GB';
export const tries = 'announces a frame of 1 GB and begins to send it, and sends one in endless parts';
export const mustHappen =
  'the connection is ended at the limit, long before it is there; the server keeps little of it';
export const why = 'who takes a frame before he looks at its length takes all memory';

export async function run(ctx) {
  const before = ctx.server.pid && (await usageOf(ctx.server.pid));
  await ctx.keepUp(async () => {
    await pushed(ctx, [frameHead(GIB)]);
    await pushed(ctx, [Buffer.from([0x01, 0x80, 0, 0, 0, 0])], Buffer.concat([part(), PART]));
  });
  const after = ctx.server.pid && (await usageOf(ctx.server.pid));
  const grownMiB = before ? after.memoryMiB - before.memoryMiB : 0;
  ctx.expect(grownMiB < MORE_MEMORY_MIB, `the server grew by ${grownMiB.toFixed(0)} MiB`);
  await ctx.expectAlive();
  ctx.held(`ended at the limit; the server grew by ${grownMiB.toFixed(0)} MiB`);
}

/** A part of a message that goes on. */
function part() {
  const head = frameHead(PART.length);
  head[0] = 0;
  return head;
}

/** Sends until the server ends the connection, and expects that it does. */
async function pushed(ctx, first, again = PART) {
  const socket = await rawSocket(ctx.server);
  const closed = once(socket, 'close').then(() => true);
  socket.resume();
  let sent = 0;
  const until = performance.now() + WITHIN_MS;
  try {
    for (const bytes of first) socket.write(bytes);
    while (!socket.destroyed && sent < GIB && performance.now() < until) {
      sent += again.length;
      if (!socket.write(again))
        await Promise.race([closed, once(socket, 'drain').catch(() => undefined), delay(1_000)]);
    }
    ctx.expect(sent < GIB, 'the server took 1 GB');
    ctx.expect(await Promise.race([closed, delay(1_000, false)]), 'the connection was not ended');
  } finally {
    socket.destroy();
  }
}
