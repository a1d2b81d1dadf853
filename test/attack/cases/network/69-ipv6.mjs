import { expectCutOff } from '../../network.mjs';

export const number = 69;
export const title = 'IPv6 where IPv4 is closed';
export const tries = 'connects and sends by IPv6: global, local, mapped and translated addresses, and to all nodes';
export const mustHappen = 'there is no interface but lo, and nothing gets out';
export const why = 'rules for IPv4 say nothing of IPv6, and a host that has it forwards it';

export async function run(ctx) {
  const count = await expectCutOff(ctx, '69-ipv6.py', [String(ctx.server.port || 5_000)]);
  ctx.held(`${count} ways, none got out`);
}
