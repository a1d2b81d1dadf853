import { fileUrl } from '../../answers.mjs';

const RACE_MS = 1_500;

export const number = 46;
export const title = 'files exchanged with symlinks while they are used';
export const tries =
  'exchanges a file with a link to /etc/shadow and a directory with a link to /etc, while they are read, written, listed and deleted';
export const mustHappen = 'every read gives the own file or is refused; nothing of /etc is read or changed';
export const why = 'a path that is looked at first and opened afterwards is another one by then';

const PATHS = ['race/file', 'race/directory/shadow'];

export async function run(ctx) {
  const name = await ctx.program('46-race.py');
  const before = ctx.expectDone(await ctx.session.sh('ls -la /etc | cksum'));
  const race = ctx.session.stream({ type: 'execute_shell', commandName: 'python3', args: [name] });
  await race.said('racing');
  const counts = { own: 0, refused: 0 };
  for (const until = performance.now() + RACE_MS; performance.now() < until;) {
    for (const path of PATHS) {
      const read = await ctx.session.read(path);
      judge(ctx, counts, read.success ? read.result.content : undefined);
      const got = await fetch(fileUrl(ctx, path));
      const text = await got.text();
      judge(ctx, counts, got.ok ? text : undefined);
      await ctx.session.write(path, 'mine');
    }
    const listed = await ctx.session.command({ type: 'list_directory', path: 'race', recursive: true });
    const foreign = listed.result?.entries.find((entry) => entry.name === 'passwd');
    ctx.expect(foreign === undefined, 'a recursive list went through the link');
  }
  await ctx.session.command({ type: 'delete_file', path: 'race', recursive: true });
  await ctx.cancel(race);
  const after = ctx.expectDone(await ctx.session.sh('ls -la /etc | cksum'));
  ctx.expect(after === before, 'something in /etc was changed');
  ctx.expect(counts.own > 0 && counts.refused > 0, `there was no race: ${JSON.stringify(counts)}`);
  ctx.held(`${counts.own} reads of the own file, ${counts.refused} refused, nothing of /etc`);
}

function judge(ctx, counts, content) {
  if (content === undefined) counts.refused++;
  else if (content === 'mine') counts.own++;
  else ctx.fell(`a read gave ${JSON.stringify(content.slice(0, 40))}`);
}
