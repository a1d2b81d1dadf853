export const number = 37;
export const title = 'terminal escapes';
export const tries = 'writes ANSI and OSC sequences, and names a program so';
export const mustHappen = 'output comes as it is, and what the server says itself holds no control character';
export const why = "an error message with a tenant's escapes in it rewrites the terminal of whoever reads the log";

const ESCAPES =
  '\u001B[2J\u001B[31mred\u001B]0;title\u0007\u001B]52;c;cHduZWQ=\u0007\u009B6n\u001BP$q"p\u001B\\\r\b\u0000';

export async function run(ctx) {
  const written = await ctx.session.python(`import sys; sys.stdout.write(${pythonText(ESCAPES)})`);
  const out = ctx.expectDone(written);
  ctx.expect(out === ESCAPES, `it came as ${JSON.stringify(out)}`);
  const name = ESCAPES.replaceAll('\u0000', '');
  await ctx.keepUp(async () => {
    for (const reply of [
      await ctx.session.run(name),
      await ctx.session.run('true', [], { workingDirectory: `/workspace/${name}` }),
      await ctx.session.read(name),
    ]) {
      ctx.expect(!reply.success && typeof reply.error === 'string', `it was answered by ${JSON.stringify(reply)}`);
      // eslint-disable-next-line no-control-regex
      ctx.expect(!/[\u0000-\u001F\u007F-\u009F]/.test(reply.error), `an error holds ${JSON.stringify(reply.error)}`);
    }
  });
  ctx.held('output exact, errors clean');
}

/** The text as Python source that is ASCII only. */
function pythonText(text) {
  const escaped = [...text].map((one) => String.raw`\u${one.codePointAt(0).toString(16).padStart(4, '0')}`);
  return `"${escaped.join('')}"`;
}
