import { fileUrl, refusalOf } from '../../answers.mjs';

export const number = 49;
export const title = 'magic links and the files of the kernel';
export const tries =
  "reads and writes /proc/self/mem, kcore, /dev/fd, the agent's environment and root, by path and by link";
export const mustHappen = 'all of it is refused';
export const why = "what opens files for a tenant has a /proc/self of its own: the agent's memory and descriptors";

const PATHS = [
  '/proc/self/mem',
  '/proc/self/environ',
  '/proc/self/exe',
  '/proc/self/root/etc/passwd',
  '/proc/self/cwd/etc/passwd',
  '/proc/thread-self/fd/0',
  '/proc/1/environ',
  '/proc/1/fd/0',
  '/proc/1/root/etc/passwd',
  '/proc/kcore',
  '/proc/kmsg',
  '/proc/sysrq-trigger',
  '/dev/fd/0',
  '/dev/stdin',
  '/dev/stdout',
  '/dev/mem',
  '/sys/kernel/notes',
];

export async function run(ctx) {
  const links = PATHS.map((path, index) => `ln -sf ${path} magic/${index}`);
  ctx.expectDone(await ctx.session.sh(`mkdir magic && ${links.join(' && ')}`));
  const all = [...PATHS, ...PATHS.map((_, index) => `magic/${index}`)];
  await ctx.keepUp(async () => {
    for (const path of all) {
      const name = path.startsWith('/') ? path : `a link to ${PATHS[Number(path.slice(6))]}`;
      ctx.expect((await refusalOf(ctx.session.read(path))) !== undefined, `${name} was read`);
      const written = await refusalOf(ctx.session.write(path, 'x', { mode: 'Append' }));
      ctx.expect(written !== undefined, `${name} was written to`);
      const { ok } = await fetch(fileUrl(ctx, path));
      ctx.expect(!ok, `${name} came over HTTP`);
    }
  });
  await ctx.expectAlive();
  ctx.held(`${all.length} paths, all refused`);
}
