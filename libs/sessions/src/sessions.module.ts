import { Module } from '@nestjs/common';

import { CleanUp } from './clean-up.js';
import { InMemorySessionStore, SessionStore } from './session-store.js';
import { SessionsService } from './sessions.service.js';

/** Needs from its surroundings: SandboxRuntime, SessionsOptions, and ScheduleModule. */
@Module({
  providers: [SessionsService, CleanUp, { provide: SessionStore, useClass: InMemorySessionStore }],
  exports: [SessionsService],
})
export class SessionsModule {}
