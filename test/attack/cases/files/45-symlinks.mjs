import { fileUrl, refusalOf } from '../../answers.mjs';

export const number = 45;
export const title = 'symlinks to what is closed';
export const tries = 'plants links to /etc/shadow, to /etc, to the root of PID 1, and uses them by every command';
export const mustHappen = 'they give no more than the user may, lists and deletions do not follow them';
export const why = 'Judge0 wrote through a planted link as root, twice (CVE-2024-28185, -28189)';

const LINKS = {
  file: '/etc/shadow',
  directory: '/etc',
  init: '/proc/1/root',
  climbing: '../../../../etc/shadow',
  looping: 'looping',
};
const CLOSED = ['file', 'directory/shadow', 'init/etc/passwd', 'climbing', 'looping'];

export async function run(ctx) {
  await ctx.keepUp(() => attack(ctx));
  ctx.held(`${CLOSED.length} links, nothing read, written or deleted through them`);
}

async function attack(ctx) {
  const script = Object.entries(LINKS).map(([name, target]) => `ln -sfn ${target} links/${name}`);
  ctx.expectDone(await ctx.session.sh(`mkdir -p links && ${script.join(' && ')}`), 'planting the links');
  for (const name of CLOSED) {
    const path = `links/${name}`;
    const read = await refusalOf(ctx.session.read(path));
    ctx.expect(read !== undefined, `${path} was read`);
    const append = await refusalOf(ctx.session.write(path, 'x', { mode: 'Append' }));
    ctx.expect(append !== undefined, `${path} was written to`);
    const { status } = await fetch(fileUrl(ctx, path));
    ctx.expect(status >= 400, `${path} came over HTTP with ${status}`);
  }
  const list = { type: 'list_directory', path: 'links', recursive: true };
  const listed = await ctx.session.command(list);
  ctx.expect(
    listed.result?.entries.length === Object.keys(LINKS).length,
    `a list followed the links: ${JSON.stringify(listed).slice(0, 300)}`,
  );
  const deleted = await ctx.session.command({ type: 'delete_file', path: 'links', recursive: true });
  ctx.expect(deleted.success, `the links could not be deleted: ${deleted.error}`);
  ctx.expectDone(await ctx.session.sh('test -f /etc/passwd && test -f /etc/shadow'), '/etc after the deletion');
}
