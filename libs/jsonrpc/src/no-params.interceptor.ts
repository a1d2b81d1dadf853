import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { RpcCall } from './rpc-call.js';
import { invalidParams } from './rpc-error.js';

/** Pipes see only declared parameters, so a method without `@RpcParams()` would accept any field. */
export class NoParamsInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const violations = Object.keys(context.switchToWs().getData<RpcCall>().params)
      .slice(0, 1)
      .map((field) => ({ field, message: `property ${field} should not exist` }));
    if (violations.length > 0) throw invalidParams(violations);
    return next.handle();
  }
}
