import type { OpenRpcModuleOptions } from '#libs/jsonrpc';

import { SERVER_VERSION } from '../version.js';
import { ERRORS } from './errors.js';

/** The frame of the OpenRPC document: its title, and every error that any method may answer with. */
export function openRpcOptions(): OpenRpcModuleOptions {
  return {
    title: 'CodeBeaker',
    version: SERVER_VERSION,
    description: 'Runs untrusted code in locked-down sessions. Durations carry their unit in the name; times are UTC.',
    errors: Object.entries(ERRORS).map(([reason, { code }]) => ({
      code,
      reason,
      message: reason.replaceAll('_', ' '),
    })),
  };
}
