import { type CallHandler, type ExecutionContext, Injectable, Logger, type NestInterceptor } from '@nestjs/common';
import { Observable, tap } from 'rxjs';

import { RpcCall } from '#libs/jsonrpc';

import { logContext, type LogFields } from './log-context.js';

/** Gives the log lines of a request its ids. Code and file content never come near a log line. */
@Injectable()
export class LogContextInterceptor implements NestInterceptor {
  private readonly logger = new Logger('Rpc');

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'ws') return next.handle();
    const call = context.switchToWs().getData<RpcCall>();
    const fields = fieldsOf(call);
    const startedAt = performance.now();
    const log = (outcome: string): void =>
      this.logger.debug({ message: outcome, durationMs: Math.round(performance.now() - startedAt) });
    // Handlers begin when they are subscribed to, so it is the subscription that must run inside the context.
    return new Observable((subscriber) =>
      logContext.run(fields, () =>
        next
          .handle()
          .pipe(tap({ complete: () => log('request done'), error: () => log('request failed') }))
          .subscribe(subscriber),
      ),
    );
  }
}

function fieldsOf({ id, method, params, connection }: RpcCall): LogFields {
  const sessionId = params['sessionId'];
  return {
    connectionId: connection.id,
    requestId: id ?? null,
    method,
    ...(typeof sessionId === 'string' ? { sessionId } : {}),
  };
}
