export const number = 57;
export const title = "the kernel's settings";
export const tries =
  'writes to core_pattern, modprobe, sysrq, release_agent, cgroups, and to whatever else in /proc/sys and /sys opens';
export const mustHappen = 'nothing opens for writing';
export const why = 'core_pattern and release_agent are run on the host as root, and a cgroup is the own limit';

export async function run(ctx) {
  const outcomes = await ctx.attempts('57-kernel-settings.py');
  ctx.expectDenied(outcomes);
  await ctx.expectAlive();
  ctx.held(`${Object.keys(outcomes).length - 1} settings, and all files of /proc/sys and /sys, none writable`);
}
