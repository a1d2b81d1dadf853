import { bytesOf, isWithoutGap } from '../../session.mjs';

export const number = 36;
export const title = 'torn and invalid UTF-8';
export const tries =
  'writes characters a byte at a time, and bytes that are none: overlong, surrogate, cut off, all 256';
export const mustHappen = 'a character never comes in two, and what is not UTF-8 comes as exact bytes';
export const why = 'one replacement character is a byte lost for ever';

export async function run(ctx) {
  const name = await ctx.program('36-torn-utf8.py');
  await ctx.keepUp(() => whole(ctx, name));
  await invalid(ctx, name);
  ctx.held('every character whole, every byte exact');
}

async function whole(ctx, name) {
  const torn = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name, 'torn'] });
  const out = ctx.expectDone(await torn.result);
  const expected = 'aé日🚀'.repeat(20);
  ctx.expect(out === expected, `the reply has ${JSON.stringify(out)}`);
  ctx.expect(
    torn.notes.every(({ encoding }) => encoding !== 'base64'),
    'a character came as bytes',
  );
  ctx.expect(bytesOf(torn).toString() === expected, 'the stream has a torn character');
}

async function invalid(ctx, name) {
  const bytes = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name, 'invalid'] });
  const reply = await bytes.result;
  ctx.expectDone(reply);
  const overlong = [0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf8, 0x88, 0x80];
  const expected = Buffer.from([...overlong, ...Array.from({ length: 256 }, (_, byte) => byte), 0xf0, 0x9f]);
  ctx.expect(isWithoutGap(bytes), 'the notifications have a gap');
  ctx.expect(bytesOf(bytes).equals(expected), `the stream has ${bytesOf(bytes).toString('hex')}`);
  ctx.expect(reply.result.stdoutBase64 === expected.toString('base64'), 'the reply has other bytes');
}
