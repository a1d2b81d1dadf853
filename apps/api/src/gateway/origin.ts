import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

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
    const name = url.hostname.replace(/^\[|\]$/g, '');
    if (url.host === host && (name === 'localhost' || isIP(name) !== 0)) return { ok: true };
  }
  return { ok: false, status: 403, message: 'This origin is not on the list of ALLOWED_ORIGINS' };
}
