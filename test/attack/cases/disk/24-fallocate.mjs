import { statfs } from 'node:fs/promises';

export const number = 24;
export const title = 'fallocate';
export const tries = 'reserves a gigabyte at once, in one call and in many files';
export const mustHappen = 'it is refused beyond the limit, and the host does not lose the space';
export const why = 'space can be taken without writing a byte, faster than any look at it';
export const session = { diskLimitMB: 64 };

const ATTACK = 'fallocate -l 1G one; i=0; while fallocate -l 4M many-$i; do i=$((i + 1)); done; echo $i';

export async function run(ctx) {
  const before = await freeBytes();
  await ctx.keepUp(async () => {
    const { stdout, stderr } = ctx.expectEnd(await ctx.session.sh(ATTACK), 'exited');
    ctx.expect(stderr.includes('No space left'), `fallocate wrote ${stderr}`);
    ctx.expect(Number(stdout) < 16, `${stdout.trim()} files of 4 MiB were made, and the limit is 64 MiB`);
    ctx.expectDone(await ctx.session.sh('rm -f one many-*'));
  });
  const lost = (before - (await freeBytes())) / 1_048_576;
  ctx.expect(lost < 512, `the host has ${lost.toFixed(0)} MiB less`);
  await ctx.expectAlive();
  ctx.held('no space left, at the limit');
}

async function freeBytes() {
  const { bavail, bsize } = await statfs('/');
  return bavail * bsize;
}
