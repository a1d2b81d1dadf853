import { expectCutOff } from '../../network.mjs';

export const number = 64;
export const title = 'metadata service of the cloud';
export const tries = '169.254.169.254 in every notation, by IPv6, by names that resolve to it';
export const mustHappen = 'nothing is reached: no route, no name';
export const why = "it hands out the machine's credentials to whoever asks from it";

export async function run(ctx) {
  const count = await expectCutOff(ctx, '64-metadata.py');
  ctx.held(`${count} ways, none got out`);
}
