import { bytesOf, isWithoutGap } from '../../session.mjs';

const COUNT = 20_000;

export const number = 35;
export const title = 'a byte at a time';
export const tries = 'makes 20,000 writes of one byte, to stdout and stderr by turns, and has them streamed';
export const mustHappen = 'every byte comes, in the order of its stream, and the program ends by itself';
export const why = 'a message for each byte costs a thousand times what it carries';

const CODE = `import os
for n in range(${COUNT}):
    os.write(1 + n % 2, b"%d" % (n // 2 % 10))`;

export async function run(ctx) {
  const bytes = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: ['-c', CODE] });
  ctx.expectDone(await bytes.result);
  ctx.expect(isWithoutGap(bytes), 'the notifications have a gap');
  const expected = Array.from({ length: COUNT / 2 }, (_, index) => String(index % 10)).join('');
  for (const stream of ['stdout', 'stderr']) {
    const text = bytesOf({ notes: bytes.notes.filter((note) => note.stream === stream) }).toString();
    ctx.expect(text === expected, `${stream} has ${text.length} bytes, or others than were written`);
  }
  await ctx.keepUp(() => ctx.session.python(CODE));
  ctx.held(`${COUNT} bytes in ${bytes.notes.length} notifications`);
}
