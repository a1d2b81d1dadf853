import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';

import { SessionsModule } from '#libs/sessions';

import { EngineIndicator } from './engine.indicator.js';
import { HealthController } from './health.controller.js';
import { ImagesIndicator } from './images.indicator.js';
import { PoolIndicator } from './pool.indicator.js';

@Module({
  // Quiet: an orchestrator asks every few seconds, and an outage must not fill the log.
  imports: [TerminusModule.forRoot({ logger: false }), SessionsModule],
  controllers: [HealthController],
  providers: [EngineIndicator, ImagesIndicator, PoolIndicator],
})
export class HealthModule {}
