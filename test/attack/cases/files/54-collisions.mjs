export const number = 54;
export const title = 'names that collide by case or by Unicode';
export const tries = 'writes files whose names differ only in case, in normalization or in look-alike letters';
export const mustHappen = 'each is a file of its own';
export const why = 'a layer that folds names lets one file stand for another, past a check of the name';

const NAMES = [
  'readme',
  'README',
  'ReadMe',
  'é',
  'e\u0301',
  'ﬁle',
  'file',
  'K',
  '\u212A',
  'ß',
  'ss',
  'а',
  'a',
  'a\u200B',
  'a ',
  'a.',
  'İ',
  'i',
];

export async function run(ctx) {
  await ctx.keepUp(async () => {
    const written = await Promise.all(NAMES.map((name) => ctx.session.write(`same/${name}`, escape(name))));
    ctx.expect(
      written.every(({ success }) => success),
      'not all could be written',
    );
    const read = await Promise.all(NAMES.map((name) => ctx.session.read(`same/${name}`)));
    for (const [index, reply] of read.entries()) {
      const name = escape(NAMES[index]);
      ctx.expect(reply.result?.content === name, `${name} holds what was written to ${reply.result?.content}`);
    }
    const listed = await ctx.session.command({ type: 'list_directory', path: 'same', includeHidden: true });
    ctx.expect(listed.result?.entries.length === NAMES.length, `${listed.result?.entries.length} are listed`);
  });
  ctx.held(`${NAMES.length} names, ${NAMES.length} files`);
}

function escape(name) {
  return [...name].map((letter) => letter.codePointAt(0).toString(16)).join(' ');
}
