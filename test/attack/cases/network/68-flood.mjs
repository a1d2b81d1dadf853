import { readFile } from 'node:fs/promises';

const COUNTER = '/proc/sys/net/netfilter/nf_conntrack_count';
const MORE_CONNECTIONS = 1_000;

export const number = 68;
export const title = 'port scan, SYN flood and a full conntrack table';
export const tries =
  'connects to thousands of ports of the gateway and of its own loopback, and sends datagrams anywhere';
export const mustHappen = "none leaves the sandbox, and the host's table of connections does not grow";
export const why = 'the table is one for the whole host: who fills it cuts everybody off';

export async function run(ctx) {
  const before = await connections();
  const { answered, sent, own } = JSON.parse(
    ctx.expectDone(await ctx.attack('68-flood.py', [], { timeoutMs: 100_000 })),
  );
  ctx.expect(answered === 0, `${answered} of ${sent} packets found a way out`);
  const grown = before === undefined ? undefined : (await connections()) - before;
  ctx.expect(grown === undefined || grown < MORE_CONNECTIONS, `the host tracks ${grown} connections more`);
  const table = grown === undefined ? 'the host tracks none' : `the host's table grew by ${grown}`;
  ctx.held(`${sent} attempts out all refused, ${own} on its own loopback; ${table}`);
}

/** Connections that the host tracks; undefined where it tracks none. */
async function connections() {
  const text = await readFile(COUNTER, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : Number(text);
}
