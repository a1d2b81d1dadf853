import type { Sandbox } from '#libs/runtime';

import type { Session } from './session.js';

const WORKSPACE = '/workspace';

/** What every program finds besides its image's own environment. */
const SANDBOX_ENV = { HOME: WORKSPACE, USER: 'sandbox', LOGNAME: 'sandbox', TMPDIR: '/tmp' };

/** The environment of a program that is no session's yet. */
export function sandboxEnv({ baseEnv }: Sandbox): Record<string, string> {
  return { ...baseEnv, ...SANDBOX_ENV };
}

/** The whole environment of a program in a session; what is named last wins. */
export function programEnv(session: Session, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { ...sandboxEnv(session.sandbox), ...session.identity.env, ...env };
}

/** A relative directory is below /workspace. */
export function programDirectory(path = WORKSPACE): string {
  return path.startsWith('/') ? path : `${WORKSPACE}/${path}`;
}
