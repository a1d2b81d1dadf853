export const number = 59;
export const title = 'set-id programs, sudo and capabilities';
export const tries =
  'runs every set-id program of the image, asks for root, capabilities and for no_new_privs to be taken back';
export const mustHappen = 'it stays the unprivileged user, without a capability';
export const why = "a user's own image may hold any set-id program, and the agent's capabilities must not be handed on";

export async function run(ctx) {
  const outcomes = await ctx.attempts('59-privileges.py');
  ctx.expectDenied(outcomes);
  await ctx.expectAlive();
  ctx.held(`${Object.keys(outcomes).length} ways, all refused`);
}
