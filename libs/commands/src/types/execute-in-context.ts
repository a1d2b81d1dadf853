import type { CellResult, ContextsService } from '#libs/contexts';
import { DomainError } from '#libs/sessions';

import { type CommandContext, CommandFailure } from '../command-handler.js';
import type { ExecuteCodeParams } from './execute-code.command.js';

/**
 * execute_code with a contextId: a cell of that context.
 * @throws CommandFailure with the result, for every end but `exited` and where the interpreter ended with the cell
 */
export async function executeInContext(
  contexts: ContextsService,
  params: ExecuteCodeParams,
  contextId: string,
  { session, signal, timeoutMs, onOutput }: CommandContext,
): Promise<CellResult & { contextId: string }> {
  for (const field of ['stdin', 'language', 'cpuTimeMs', 'outputLimitBytes'] as const) {
    if (params[field] !== undefined) throw notInContext(field);
  }
  if (params.args.length > 0) throw notInContext('args');
  const context = contexts.find(contextId);
  if (context.session !== session) {
    throw new DomainError('context_not_found', 'There is no such context in this session.');
  }
  const cell = await contexts.execute(context, params.code, {
    timeoutMs,
    signal,
    ...(onOutput ? { onOutput: (chunk) => onOutput(contextId, chunk) } : {}),
  });
  const result = { contextId, ...cell };
  if (result.endReason === 'exited' && !result.contextEnded) return result;
  const errorCode = result.endReason === 'exited' ? 'context_ended' : result.endReason;
  const message = result.error?.message ? result.error.message : `The code was ended: ${result.endReason}.`;
  throw new CommandFailure(errorCode, message, result);
}

function notInContext(field: string): DomainError {
  const message = `${field} cannot be given to code that runs in a context`;
  return new DomainError('invalid_params', `Invalid params: command.${message}`, {
    violations: [{ field: `command.${field}`, message }],
  });
}
