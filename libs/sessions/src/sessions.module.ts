import { Module } from '@nestjs/common';

import { CleanUp } from './clean-up.js';
import { InMemorySessionStore, SessionStore } from './session-store.js';
import { SessionsService } from './sessions.service.js';
import { StatusFeed } from './status-feed.js';

/** Needs from its surroundings: SandboxRuntime, SessionsOptions, and ScheduleModule. */
@Module({
  providers: [SessionsService, StatusFeed, CleanUp, { provide: SessionStore, useClass: InMemorySessionStore }],
  exports: [SessionsService, StatusFeed],
})
export class SessionsModule {}
