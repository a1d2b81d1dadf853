export const number = 28;
export const title = 'hostile file names';
export const tries =
  'makes files named -rf, with newlines, 255 bytes long, in invalid UTF-8, with bidi marks and escapes';
export const mustHappen = 'each is listed once and exactly, can be read and deleted by its name, and touches no other';
export const why = 'names are bytes that the tenant chose, and every tool that reads them as text or options is fooled';

const NAMES = [
  '-rf',
  '--help',
  'new\nline',
  'x'.repeat(255),
  '\u202Etxt.exe',
  '\u001B[2Jcleared',
  '$(touch pwned)',
  '`id`',
  '; rm -rf *',
  '*',
  ' ',
  '...',
  'a\\b',
  'é',
  'e\u0301',
  '%2e%2e%2f',
  '🚀'.repeat(63),
];
const NOT_UTF8 = 'f"\\xff\\xfe"';

export async function run(ctx) {
  for (const name of NAMES) {
    const written = await ctx.session.write(`names/${name}`, name);
    ctx.expect(written.success, `${JSON.stringify(name)} could not be written: ${written.error}`);
  }
  ctx.expectDone(await ctx.session.python(`open(${NOT_UTF8.replace('f"', 'b"names/')}, "w").write("bytes")`));
  const listed = await ctx.session.command({ type: 'list_directory', path: 'names', includeHidden: true });
  ctx.expect(listed.success, `they cannot be listed: ${listed.error}`);
  const { entries } = listed.result;
  const bytes = entries.find(({ nameBase64 }) => nameBase64 !== undefined);
  ctx.expect(
    bytes && Buffer.from(bytes.nameBase64, 'base64').equals(Buffer.from([0xff, 0xfe])),
    `the name that is not UTF-8 is listed as ${JSON.stringify(bytes)}`,
  );
  const listedNames = entries.filter((entry) => entry !== bytes).map(({ name }) => name);
  const wrong = NAMES.filter((name) => listedNames.filter((listed) => listed === name).length !== 1);
  ctx.expect(wrong.length === 0, `not listed exactly: ${JSON.stringify(wrong)}`);
  ctx.expect(listedNames.length === NAMES.length, `${listedNames.length} were listed, and ${NAMES.length} made`);
  for (const name of NAMES) {
    const read = await ctx.session.read(`names/${name}`);
    ctx.expect(read.result?.content === name, `${JSON.stringify(name)} was read as ${JSON.stringify(read)}`);
    const deleted = await ctx.session.command({ type: 'delete_file', path: `names/${name}` });
    ctx.expect(deleted.success, `${JSON.stringify(name)} could not be deleted: ${deleted.error}`);
  }
  const rest = await ctx.session.command({ type: 'list_directory', path: 'names', includeHidden: true });
  ctx.expect(rest.result?.entries.length === 1, `a deletion reached another file: ${JSON.stringify(rest)}`);
  ctx.held(`${NAMES.length} names, and one of bytes that are not UTF-8`);
}
