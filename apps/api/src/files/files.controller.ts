import { All, Controller, Get, Param, Put, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { IncomingMessage, ServerResponse } from 'node:http';

import { HttpError } from '../http/http-error.js';
import { HttpErrorFilter } from '../http/http-error.filter.js';
import { OriginGuard } from '../http/origin.guard.js';
import { download } from './download.js';
import { pathQuery } from './path-query.js';
import { TransfersService } from './transfers.service.js';
import { upload } from './upload.js';

/** The data channel: files of any size in and out of a session, streamed. */
@Controller('v1/sessions/:sessionId/files')
@UseGuards(OriginGuard)
@UseFilters(HttpErrorFilter)
export class FilesController {
  constructor(private readonly transfers: TransfersService) {}

  /** HEAD too. */
  @Get()
  async read(
    @Param('sessionId') sessionId: string,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const path = pathQuery(request.url ?? '');
    await this.transfers.run(sessionId, response, (transfer) => download(path, request, response, transfer));
  }

  @Put()
  async write(
    @Param('sessionId') sessionId: string,
    @Req() request: IncomingMessage,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const path = pathQuery(request.url ?? '');
    await this.transfers.run(sessionId, response, (transfer) => upload(path, request, response, transfer));
  }

  @All()
  other(): never {
    const allowed = 'GET, HEAD, PUT';
    throw new HttpError(405, 'method_not_allowed', `Files are spoken to by ${allowed}.`, {}, { Allow: allowed });
  }
}
