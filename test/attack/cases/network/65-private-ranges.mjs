import { networkInterfaces } from 'node:os';

import { expectCutOff } from '../../network.mjs';

export const number = 65;
export const title = "private ranges, the engine's API and the server itself";
export const tries =
  "connects to the server's own port, Docker's API, Redis and others, on the host's addresses, the gateways and loopback";
export const mustHappen = "nothing is reached, not even on loopback, which is the sandbox's own";
export const why = 'what answers to the host alone needs no password there (CVE-2024-29021, CVE-2025-9074)';

export async function run(ctx) {
  const hosts = Object.values(networkInterfaces())
    .flat()
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80'))
    .map(({ address }) => address);
  const count = await expectCutOff(ctx, '65-private-ranges.py', [String(ctx.server.port || 5_000), ...hosts]);
  ctx.held(`${count} ways, ${hosts.length} addresses of the host among them, none got out`);
}
