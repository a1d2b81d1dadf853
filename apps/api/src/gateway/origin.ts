import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

import type { RpcVerdict } from '#libs/jsonrpc';

/**
 * Browsers let any page open a WebSocket to any address, this machine's own included, and say in `Origin` whose page it
 * is. Programs send none, or the server's own address. A page served under a name could be anybody's, since names can be
 * made to point here (DNS rebinding), so names must be on the list.
 */
export function judgeOrigin(request: IncomingMessage, allowedOrigins: readonly string[]): RpcVerdict {
  const { origin, host } = request.headers;
  if (origin === undefined || allowedOrigins.includes(origin)) return { ok: true };
  if (URL.canParse(origin)) {
    const url = new URL(origin);
    if (url.host === host && isOwnName(url.hostname)) return { ok: true };
  }
  return { ok: false, status: 403, message: 'This origin is not on the list of ALLOWED_ORIGINS' };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/**
 * A page's own reading requests name no origin. One that came to this machine's own address under a name which is
 * nobody's on the list is taken for a page's whose name was made to point here.
 */
export function isMisnamed({ headers: { host }, socket }: IncomingMessage, allowedOrigins: readonly string[]): boolean {
  const { localAddress = '', localFamily } = socket;
  if (!LOOPBACK.check(localAddress, localFamily === 'IPv6' ? 'ipv6' : 'ipv4')) return false;
  if (host === undefined) return false;
  if (URL.canParse(`http://${host}`) && isOwnName(new URL(`http://${host}`).hostname)) return false;
  return !allowedOrigins.some((origin) => URL.canParse(origin) && new URL(origin).host === host);
}

function isOwnName(hostname: string): boolean {
  return hostname === 'localhost' || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0;
}
