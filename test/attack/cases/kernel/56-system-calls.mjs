export const number = 56;
export const title = 'system calls that reach the kernel';
export const tries =
  'mount, namespaces, pivot_root, bpf, perf, userfaultfd, io_uring, keys, modules, AF_ALG, AF_VSOCK, AF_PACKET';
export const mustHappen = 'each is refused';
export const why = 'the kernel is shared: AF_ALG alone was a way out (CVE-2026-31431), user namespaces many';

export async function run(ctx) {
  let outcomes;
  await ctx.keepUp(async () => {
    outcomes = await ctx.attempts('56-system-calls.py');
    ctx.expectDenied(outcomes);
  });
  await ctx.expectAlive();
  ctx.held(`${Object.keys(outcomes).length} system calls, all refused`);
}
