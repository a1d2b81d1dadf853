import { Module } from '@nestjs/common';

import { SessionsModule } from '#libs/sessions';

import { ProcessesService } from './processes.service.js';

@Module({ imports: [SessionsModule], providers: [ProcessesService], exports: [ProcessesService] })
export class ProcessesModule {}
