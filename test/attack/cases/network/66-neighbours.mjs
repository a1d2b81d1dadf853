import { expectCutOff } from '../../network.mjs';

export const number = 66;
export const title = "another session's ports, and its address";
export const tries =
  'connects to a neighbour that listens, by address, loopback and abstract socket; adds addresses, routes and ARP entries';
export const mustHappen = 'the neighbour is not reached, and no address can be taken';
export const why = 'on a shared bridge sessions see each other, and who spoofs an address gets what was meant for it';

export async function run(ctx) {
  const neighbour = await ctx.newSession();
  const name = await ctx.program('66-neighbours.py', neighbour);
  const listening = neighbour.stream({ type: 'execute_shell', commandName: 'python3', args: [name, 'listen'] });
  await listening.said('listening');
  const count = await expectCutOff(ctx, '66-neighbours.py', ['attack']);
  await ctx.cancel(listening);
  ctx.held(`${count} ways, neighbour not reached, no address taken`);
}
