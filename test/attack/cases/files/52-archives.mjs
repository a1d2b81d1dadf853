import { fileUrl } from '../../answers.mjs';

export const number = 52;
export const title = 'archives with links, absolute names and bombs';
export const tries =
  'unpacks hostile archives in the sandbox, puts one as a file, and has the result downloaded as a tar';
export const mustHappen =
  'what is unpacked stays inside its limits, the server unpacks nothing, and a tar follows no link';
export const why = 'who unpacks as a privileged user writes where a link leads (CVE-2018-15664, CVE-2026-17106)';
export const session = { diskLimitMB: 64 };

export async function run(ctx) {
  const before = ctx.expectDone(await ctx.session.sh('ls -la /etc | cksum'));
  const bomb = ctx.expectDone(await ctx.attack('52-archives.py'));
  ctx.expect(bomb.includes('No space left'), `the bomb met no limit: ${bomb}`);
  const after = ctx.expectDone(await ctx.session.sh('ls -la /etc | cksum; rm -f unpacked/bomb'));
  ctx.expect(after === before, 'something in /etc was changed');
  await ctx.keepUp(() => download(ctx));
  await ctx.expectAlive();
  ctx.held('the bomb met ENOSPC, /etc is as it was, links are stored as links');
}

async function download(ctx) {
  const put = await fetch(fileUrl(ctx, 'put.tar'), { method: 'PUT', body: 'x'.repeat(10_240) });
  ctx.expect(put.ok, `an archive could not be put: ${put.status}`);
  const got = await fetch(fileUrl(ctx, 'unpacked'));
  ctx.expect(got.ok, `the directory did not come as a tar: ${got.status}`);
  const tar = Buffer.from(await got.arrayBuffer());
  ctx.expect(tar.includes('unpacked/shadow'), 'the link itself is not in the tar');
  ctx.expect(!/root:[^\n]*:/.test(tar.toString('latin1')), 'the tar followed a link');
}
