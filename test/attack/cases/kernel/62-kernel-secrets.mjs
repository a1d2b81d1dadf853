export const number = 62;
export const title = "the kernel's log and addresses";
export const tries = 'reads the log, kallsyms, iomem, kcore, keys, traces and tables of the firmware';
export const mustHappen = 'nothing of it is told, and addresses are zero';
export const why = "the log tells of other tenants, and addresses make a kernel's bug an exploit";

export async function run(ctx) {
  const outcomes = await ctx.attempts('62-kernel-secrets.py');
  ctx.expectDenied(outcomes);
  ctx.held(`${Object.keys(outcomes).length} sources, nothing told`);
}
