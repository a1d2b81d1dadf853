import { All, type BeforeApplicationShutdown, Controller, Get, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { IncomingMessage, ServerResponse } from 'node:http';

import { StatusFeed, type StatusSubscription } from '#libs/sessions';

import { Config } from '../config/config.js';
import { HttpErrorFilter } from '../http/http-error.filter.js';
import { HttpError } from '../http/http-error.js';
import { OriginGuard } from '../http/origin.guard.js';
import { eventQuery } from './event-query.js';
import { sendEvents } from './event-stream.js';

/** Status events as server-sent events. */
@Controller('v1/events')
@UseGuards(OriginGuard)
@UseFilters(HttpErrorFilter)
export class EventsController implements BeforeApplicationShutdown {
  private readonly open = new Set<StatusSubscription>();

  constructor(
    private readonly feed: StatusFeed,
    private readonly config: Config,
  ) {}

  /** A stream without an end must not keep the server from its own. */
  beforeApplicationShutdown(): void {
    for (const subscription of this.open) subscription.close();
  }

  @Get()
  async listen(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    const { cursor, ...filter } = eventQuery(request);
    if (request.method === 'HEAD') return void response.end();
    const subscription = this.feed.subscribe(filter, cursor);
    this.open.add(subscription);
    const onClose = (): void => subscription.close();
    response.once('close', onClose);
    try {
      await sendEvents(subscription, request, response, this.config.heartbeatSeconds * 1000);
    } finally {
      response.off('close', onClose);
      subscription.close();
      this.open.delete(subscription);
    }
  }

  @All()
  other(): never {
    throw new HttpError(405, 'method_not_allowed', 'Events are read by GET.', {}, { Allow: 'GET, HEAD' });
  }
}
