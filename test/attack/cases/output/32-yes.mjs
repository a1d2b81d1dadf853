import { flood } from '../../flood.mjs';
import { bytesOf, isWithoutGap } from '../../session.mjs';

export const number = 32;
export const title = 'flood of lines';
export const tries = 'runs `yes` and has its output streamed';
export const mustHappen = 'the limit of time or of output ends it, and every byte that it wrote came once and in order';
export const why =
  'a flood that is buffered takes memory, one that is cut loses output, and one in the way holds up others';

export async function run(ctx) {
  const lines = await flood(ctx, { type: 'execute_shell', commandName: 'yes', timeoutMs: 1_500 });
  const { reply } = lines;
  const { endReason, stdoutBytes, truncated } = reply.result;
  ctx.expect(['timed_out', 'output_limit'].includes(endReason) && !reply.success, `it ended as ${endReason}`);
  const bytes = bytesOf(lines);
  ctx.expect(isWithoutGap(lines), 'the notifications have a gap');
  ctx.expect(bytes.length === stdoutBytes, `${stdoutBytes} bytes were written, and ${bytes.length} came`);
  ctx.expect(
    bytes.every((byte, index) => byte === (index % 2 === 0 ? 0x79 : 0x0a)),
    'the bytes are not what was written',
  );
  ctx.expect(truncated, 'a reply that holds a part does not say so');
  ctx.held(`${endReason}, all of ${(bytes.length / 1e6).toFixed(0)} MB came`);
}
