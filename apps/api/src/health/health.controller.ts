import { Controller, Get } from '@nestjs/common';
import { HealthCheck, type HealthCheckResult, HealthCheckService } from '@nestjs/terminus';

import { EngineIndicator } from './engine.indicator.js';
import { ImagesIndicator } from './images.indicator.js';
import { PoolIndicator } from './pool.indicator.js';

/** What probes ask. `live` is about this process alone: restarting it would not bring an engine back. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly engine: EngineIndicator,
    private readonly images: ImagesIndicator,
    private readonly pool: PoolIndicator,
  ) {}

  @Get()
  @HealthCheck()
  all(): Promise<HealthCheckResult> {
    return this.ready();
  }

  @Get('live')
  @HealthCheck()
  live(): Promise<HealthCheckResult> {
    return this.health.check([]);
  }

  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.engine.check(), () => this.pool.check(), ...this.images.checks()]);
  }
}
