import { All, Controller, Get, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ServerResponse } from 'node:http';

import { HttpErrorFilter } from '../http/http-error.filter.js';
import { HttpError } from '../http/http-error.js';
import { OriginGuard } from '../http/origin.guard.js';
import { MetricsService } from './metrics.service.js';

/** Numbers for whoever collects them: docs/operations.md. */
@Controller('metrics')
@UseGuards(OriginGuard)
@UseFilters(HttpErrorFilter)
export class MetricsController {
  constructor(private readonly metrics: MetricsService) {}

  @Get()
  async read(@Res() response: ServerResponse): Promise<void> {
    const text = await this.metrics.text();
    response.writeHead(200, { 'Content-Type': this.metrics.contentType, 'Cache-Control': 'no-store' });
    response.end(text);
  }

  @All()
  other(): never {
    throw new HttpError(405, 'method_not_allowed', 'Metrics are read by GET.', {}, { Allow: 'GET, HEAD' });
  }
}
