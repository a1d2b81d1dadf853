import { RpcCall, RpcContext, RpcGateway, RpcMethod, RpcParams } from '#libs/jsonrpc';

import { ExecutionIdParams, RunExecutionParams } from '../gateway/params.js';
import { ExecutionsService } from './executions.service.js';

/** The legacy, stateless methods. */
@RpcGateway()
export class ExecutionsGateway {
  constructor(private readonly executions: ExecutionsService) {}

  @RpcMethod('execution.run', { summary: 'Runs code once, in a container of its own.' })
  run(@RpcParams() params: RunExecutionParams, @RpcContext() { signal, connection }: RpcCall) {
    if (!params.async) return this.executions.run(params, signal);
    return this.executions.enqueue(params, (ended) => {
      // The socket may be gone by then; the result stays with execution.status.
      connection.notify('execution.completed', ended).catch(() => undefined);
    });
  }

  @RpcMethod('execution.status', { summary: 'What became of an execution that was started with async.' })
  status(@RpcParams() { executionId }: ExecutionIdParams) {
    return this.executions.status(executionId);
  }
}
