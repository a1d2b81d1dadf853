import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  type ExceptionFilter,
  NotFoundException,
} from '@nestjs/common';
import type { ServerResponse } from 'node:http';

import { HttpError, sendHttpError } from './http-error.js';

/** Answers at addresses that lead to no endpoint as the endpoints answer what they refuse. */
@Catch(NotFoundException, BadRequestException)
export class UnknownAddressFilter implements ExceptionFilter {
  catch(thrown: NotFoundException | BadRequestException, host: ArgumentsHost): void {
    const error =
      thrown instanceof NotFoundException
        ? new HttpError(404, 'not_found', 'There is nothing at this address.')
        : new HttpError(400, 'invalid_params', 'The address cannot be decoded.', {
            violations: [{ field: 'url', message: 'a % must be followed by two hexadecimal digits, of UTF-8' }],
          });
    sendHttpError(host.switchToHttp().getResponse<ServerResponse>(), error);
  }
}
