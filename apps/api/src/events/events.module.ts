import { Module } from '@nestjs/common';

import { SessionsModule } from '#libs/sessions';

import { EventsController } from './events.controller.js';
import { EventsGateway } from './events.gateway.js';

@Module({
  imports: [SessionsModule],
  controllers: [EventsController],
  providers: [EventsGateway],
})
export class EventsModule {}
