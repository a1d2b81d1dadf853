export const number = 58;
export const title = 'sockets of the host';
export const tries =
  "looks for the engine's, containerd's and others' sockets, in the file system and the abstract ones";
export const mustHappen = 'there is none to be seen, and none to be reached';
export const why = "the engine's socket is root on the host, and an abstract socket is stopped by no mount";

export async function run(ctx) {
  const outcomes = await ctx.attempts('58-host-sockets.py');
  ctx.expectDenied(outcomes);
  ctx.held(`${Object.keys(outcomes).length - 1} sockets, none there; none is to be seen`);
}
