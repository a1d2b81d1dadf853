import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';

import { EngineIndicator } from './engine.indicator.js';
import { HealthController } from './health.controller.js';
import { ImagesIndicator } from './images.indicator.js';

@Module({
  // Quiet: an orchestrator asks every few seconds, and an outage must not fill the log.
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [EngineIndicator, ImagesIndicator],
})
export class HealthModule {}
