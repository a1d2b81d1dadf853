const LIMIT = 256 * 1_048_576;
const KEPT = 1_048_576;

export const number = 33;
export const title = '/dev/zero to stdout';
export const tries = 'copies /dev/zero to its output, which nobody streams';
export const mustHappen = 'output_limit ends it, with the count of what it wrote and no more than the kept part';
export const why = 'every byte of it is six in JSON, and nobody asked for any';

export async function run(ctx) {
  const reply = await ctx.session.run('cat', ['/dev/zero'], { timeoutMs: 100_000 });
  const { stdout, stdoutBytes, truncated } = ctx.expectEnd(reply, 'output_limit');
  ctx.expect(stdoutBytes >= LIMIT && stdoutBytes < 1.1 * LIMIT, `it was ended after ${stdoutBytes} bytes`);
  ctx.expect(truncated && stdout.length <= KEPT, `${stdout.length} characters came, truncated is ${truncated}`);
  ctx.held(`output_limit after ${stdoutBytes} bytes`);
}
