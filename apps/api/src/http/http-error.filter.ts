import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

import { describeHttpError, HttpError, sendHttpError } from './http-error.js';

/** Answers what an HTTP endpoint threw. Where the answer has begun, it breaks off instead, so that nobody takes it for whole. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('Http');

  catch(thrown: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<ServerResponse>();
    const described = describeHttpError(thrown);
    if (response.headersSent || response.destroyed) {
      // A client that went by itself is none of the log's business; nor is the name of a file.
      const why = described ? { reason: described.reason } : { error: thrown };
      if (!response.destroyed) this.logger.warn({ message: 'an answer was broken off', ...why });
      response.destroy();
      return;
    }
    sendHttpError(response, described ?? this.internal(thrown));
  }

  /** The client learns an id, the log everything. */
  private internal(thrown: unknown): HttpError {
    const errorId = randomUUID();
    this.logger.error({ message: 'a request failed', errorId, error: thrown });
    return new HttpError(500, 'internal_error', `Internal error, see ${errorId} in the server's log`, { errorId });
  }
}
