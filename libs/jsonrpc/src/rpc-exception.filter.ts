import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { markFailed, type RpcCall } from './rpc-call.js';

/** Keeps Nest's own filter, which sends frames that are not JSON-RPC, from what guards, pipes and handlers throw. */
@Catch()
export class RpcExceptionFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    markFailed(host.switchToWs().getData<RpcCall>(), thrown);
  }
}
