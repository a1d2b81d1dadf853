import { expectCutOff } from '../../network.mjs';

export const number = 70;
export const title = 'raw ICMP and other protocols';
export const tries = 'opens raw sockets of every protocol, and pings by them and by ping sockets';
export const mustHappen = 'no raw socket is given, and no ping gets out';
export const why = 'a ping carries data, and rules for TCP and UDP let it pass';

export async function run(ctx) {
  const count = await expectCutOff(ctx, '70-icmp.py');
  ctx.held(`${count} ways, none got out`);
}
