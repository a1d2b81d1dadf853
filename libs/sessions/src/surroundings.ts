import type { Sandbox } from '#libs/runtime';

import type { Session } from './session.js';

const WORKSPACE = '/workspace';

/** What every program finds besides its image's own environment. */
const SANDBOX_ENV = { HOME: WORKSPACE, USER: 'sandbox', LOGNAME: 'sandbox', TMPDIR: '/tmp' };

/** Lists of options that an image needs for what is promised of its programs: a client's own come behind them. */
const EXTENDED = ['NODE_OPTIONS'];

/** The environment of a program that is no session's yet. */
export function sandboxEnv({ baseEnv }: Sandbox): Record<string, string> {
  return { ...baseEnv, ...SANDBOX_ENV };
}

/** The whole environment of a program in a session; what is named last wins, but for the options of `EXTENDED`. */
export function programEnv(session: Session, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  const base = sandboxEnv(session.sandbox);
  const own = { ...session.identity.env, ...env };
  for (const name of EXTENDED) {
    if (base[name] && own[name] !== undefined) own[name] = `${base[name]} ${own[name]}`.trim();
  }
  return { ...base, ...own };
}

/** A relative directory is below /workspace. */
export function programDirectory(path = WORKSPACE): string {
  return path.startsWith('/') ? path : `${WORKSPACE}/${path}`;
}
