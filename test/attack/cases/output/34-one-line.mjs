import { flood } from '../../flood.mjs';
import { bytesOf, isWithoutGap } from '../../session.mjs';

export const number = 34;
export const title = 'one line of 1 GB';
export const tries = 'writes a gigabyte without a newline, and has it streamed';
export const mustHappen = 'it comes in pieces, as it is written, until the limit of time or of output ends it';
export const why = 'who waits for the end of a line keeps all of it in memory';

export async function run(ctx) {
  const script = "head -c 1G /dev/zero | tr '\\0' x";
  const line = await flood(ctx, { type: 'execute_shell', commandName: 'sh', args: ['-c', script], timeoutMs: 1_500 });
  const { reply } = line;
  const { endReason, stdoutBytes } = reply.result;
  ctx.expect(['timed_out', 'output_limit'].includes(endReason) && !reply.success, `it ended as ${endReason}`);
  ctx.expect(isWithoutGap(line), 'the notifications have a gap');
  const largest = Math.max(...line.notes.map(({ data }) => data.length));
  ctx.expect(largest <= 262_144, `one notification has ${largest} characters`);
  const { length } = bytesOf(line);
  ctx.expect(length === stdoutBytes, `${stdoutBytes} bytes were written, and ${length} came`);
  ctx.held(`${endReason}, ${(length / 1e6).toFixed(0)} MB in ${line.notes.length} pieces of at most ${largest} bytes`);
}
