import { expectCutOff } from '../../network.mjs';

export const number = 67;
export const title = 'DNS tunnel';
export const tries = "resolves names that carry data, asks every resolver directly, and Docker's own at 127.0.0.11";
export const mustHappen = 'no name is resolved and no query leaves';
export const why = 'internal networks forward DNS: data leaves by the names that are asked for (CVE-2024-29018)';

export async function run(ctx) {
  const count = await expectCutOff(ctx, '67-dns.py');
  ctx.held(`${count} ways, none got out`);
}
