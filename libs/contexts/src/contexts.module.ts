import { Module } from '@nestjs/common';

import { SessionsModule } from '#libs/sessions';

import { ContextsService } from './contexts.service.js';

/** Needs from its surroundings: ContextsOptions. */
@Module({ imports: [SessionsModule], providers: [ContextsService], exports: [ContextsService] })
export class ContextsModule {}
