export const number = 29;
export const title = 'leaving something for the next session';
export const tries =
  'writes to every directory that it may, shared memory, queues and abstract sockets, and looks in a neighbour and in the next session';
export const mustHappen = 'neither sees anything of it';
export const why = "what one tenant leaves is the next one's program, or its secret";

export async function run(ctx) {
  const neighbour = await ctx.newSession();
  const left = JSON.parse(ctx.expectDone(await ctx.attack('29-next-session.py', ['leave'])));
  ctx.expect(left.length >= 3, `only ${left.join(', ')} could be written to`);
  await lookFrom(ctx, neighbour, 'a neighbour');
  await ctx.aside(() => ctx.session.close());
  await lookFrom(ctx, await ctx.newSession(), 'the next session');
  ctx.held(`left in ${left.length} places, found in none`);
}

async function lookFrom(ctx, session, whose) {
  const name = await ctx.program('29-next-session.py', session);
  const found = JSON.parse(ctx.expectDone(await session.run('python3', [name, 'look'])));
  ctx.expect(found.length === 0, `${whose} finds ${found.join(', ')}`);
}
