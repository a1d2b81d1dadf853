import { setImmediate as nextTurn } from 'node:timers/promises';

import { type Context, ContextsService, type OutputListener } from '#libs/contexts';
import { RpcCall, RpcContext, RpcGateway, RpcMethod, RpcParams } from '#libs/jsonrpc';
import { SessionsService } from '#libs/sessions';

import { outputFields } from '../gateway/output.js';
import { SessionIdParams } from '../gateway/params.js';
import { endView } from '../processes/views.js';
import { ContextIdParams, CreateContextParams, ExecuteInContextParams } from './params.js';

/** Contexts: interpreters that keep their state from call to call. */
@RpcGateway()
export class ContextsGateway {
  constructor(
    private readonly sessions: SessionsService,
    private readonly contexts: ContextsService,
  ) {}

  @RpcMethod('context.create', { summary: 'Starts an interpreter that keeps its state from call to call.' })
  async create(@RpcParams() { sessionId, language }: CreateContextParams) {
    return contextView(await this.contexts.create(this.sessions.find(sessionId), language));
  }

  @RpcMethod('context.execute', { summary: 'Runs code in a context, after whatever runs there.' })
  async execute(
    @RpcParams() { contextId, code, stream, timeoutMs }: ExecuteInContextParams,
    @RpcContext() call: RpcCall,
  ) {
    const context = this.contexts.find(contextId);
    const result = await this.contexts.execute(context, code, {
      signal: call.signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      ...(stream ? { onOutput: outputNotifier(call, context) } : {}),
    });
    return { contextId, ...result };
  }

  @RpcMethod('context.interrupt', { summary: 'Ctrl-C to what runs in a context; its state stays.' })
  async interrupt(@RpcParams() { contextId }: ContextIdParams) {
    const context = this.contexts.find(contextId);
    // What was asked for just before is still on its way to the context.
    await nextTurn();
    return { contextId, interrupted: await context.interrupt() };
  }

  @RpcMethod('context.restart', { summary: 'A new interpreter in place of the old one, under the same id.' })
  async restart(@RpcParams() { contextId }: ContextIdParams) {
    const context = this.contexts.find(contextId);
    await this.contexts.restart(context);
    return contextView(context);
  }

  @RpcMethod('context.list', { summary: "A session's contexts, the oldest first." })
  list(@RpcParams() { sessionId }: SessionIdParams) {
    const contexts = this.contexts.list(this.sessions.find(sessionId)).map(contextView);
    return { count: contexts.length, contexts };
  }

  @RpcMethod('context.close', { summary: 'Ends an interpreter and all that it started; then nothing of it is left.' })
  async close(@RpcParams() { contextId }: ContextIdParams) {
    await this.contexts.close(this.contexts.find(contextId));
    return { contextId, closed: true };
  }
}

function contextView({ id, session, facts, state, executionCount, end }: Context) {
  return {
    sessionId: session.id,
    contextId: id,
    language: facts.language,
    state,
    executionCount,
    createdAt: facts.createdAt.toISOString(),
    end: end ? endView(end) : null,
  };
}

function outputNotifier({ connection, id: requestId = null }: RpcCall, { id, session }: Context): OutputListener {
  const names = { sessionId: session.id, contextId: id, requestId };
  return (chunk) => connection.notify('context.output', { ...names, ...outputFields(chunk) });
}
