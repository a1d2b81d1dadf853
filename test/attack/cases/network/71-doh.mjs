import { expectCutOff } from '../../network.mjs';

export const number = 71;
export const title = 'DNS over HTTPS, and addresses without a name';
export const tries = 'connects to public resolvers by HTTPS, TLS and QUIC, and to addresses that no name was asked for';
export const mustHappen = 'nothing gets out';
export const why = 'a list of allowed names holds nobody who needs no name';

export async function run(ctx) {
  const count = await expectCutOff(ctx, '71-doh.py');
  ctx.held(`${count} ways, none got out`);
}
