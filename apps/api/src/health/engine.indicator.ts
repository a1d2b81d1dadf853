import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

import { SandboxRuntime } from '#libs/runtime';

/** Whether the engine answers. */
@Injectable()
export class EngineIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly runtime: SandboxRuntime,
  ) {}

  async check(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('engine');
    try {
      return indicator.up(await this.runtime.ping());
    } catch (error) {
      return indicator.down({ message: error instanceof Error ? error.message : 'The engine does not answer.' });
    }
  }
}
