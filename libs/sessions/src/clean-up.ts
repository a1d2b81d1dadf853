import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { CronJob } from 'cron';

import { SessionsOptions } from './options.js';
import { SessionsService } from './sessions.service.js';

/** The clean-up's clock: only triggers the service, and never while its last run still goes on. */
@Injectable()
export class CleanUp implements OnApplicationBootstrap {
  constructor(
    private readonly scheduler: SchedulerRegistry,
    private readonly sessions: SessionsService,
    private readonly options: SessionsOptions,
  ) {}

  onApplicationBootstrap(): void {
    const job = CronJob.from({
      cronTime: this.options.cleanUpCron,
      onTick: () => this.sessions.cleanUp(),
      waitForCompletion: true,
      start: true,
    });
    this.scheduler.addCronJob('clean-up', job);
  }
}
