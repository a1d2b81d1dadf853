import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

import { SessionsService } from '#libs/sessions';

/** What is made ahead. Never down: an empty pool makes sessions slower, and nothing else. */
@Injectable()
export class PoolIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly sessions: SessionsService,
  ) {}

  check(): HealthIndicatorResult {
    return this.indicators.check('pool').up({ ...this.sessions.poolCounts });
  }
}
