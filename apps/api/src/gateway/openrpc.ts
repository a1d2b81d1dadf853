import { type OpenRpcModuleOptions, RpcErrorCode } from '#libs/jsonrpc';

import { SERVER_VERSION } from '../version.js';
import { ERRORS } from './errors.js';

/** What the protocol itself may answer with, besides the services. */
const PROTOCOL_ERRORS = {
  parse_error: RpcErrorCode.ParseError,
  invalid_request: RpcErrorCode.InvalidRequest,
  method_not_found: RpcErrorCode.MethodNotFound,
};

/** The frame of the OpenRPC document: its title, and every error that any method may answer with. */
export function openRpcOptions(): OpenRpcModuleOptions {
  const protocol = Object.entries(PROTOCOL_ERRORS).map(([reason, code]) => ({ reason, code }));
  const own = Object.entries(ERRORS).map(([reason, { code }]) => ({ reason, code }));
  return {
    title: 'CodeBeaker',
    version: SERVER_VERSION,
    description:
      'Runs untrusted code in locked-down sessions. Durations carry their unit in the name, but for the legacy ' +
      'execution.run, whose timeout is in seconds and memoryLimit in MB; times are UTC.',
    errors: [...protocol, ...own].map(({ reason, code }) => ({ code, reason, message: reason.replaceAll('_', ' ') })),
  };
}
