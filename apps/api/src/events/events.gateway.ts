import { Logger } from '@nestjs/common';
import { randomBytes } from 'node:crypto';

import {
  RpcCall,
  type RpcConnection,
  RpcConnectionClosedError,
  RpcContext,
  RpcGateway,
  RpcMethod,
  RpcParams,
} from '#libs/jsonrpc';
import { StatusFeed, type StatusSubscription } from '#libs/sessions';

import { eventMessage } from './event-message.js';
import { SubscribeParams, SubscriptionIdParams } from './event-params.js';

interface Open {
  readonly connection: RpcConnection;
  readonly subscription: StatusSubscription;
}

/** Status events as notifications on the control channel. A subscription ends with its socket. */
@RpcGateway()
export class EventsGateway {
  private readonly logger = new Logger(EventsGateway.name);
  private readonly open = new Map<string, Open>();

  constructor(private readonly feed: StatusFeed) {}

  @RpcMethod('session.subscribe', { summary: 'Sends status events as notifications until it is unsubscribed.' })
  subscribe(@RpcParams() { cursor: from, ...filter }: SubscribeParams, @RpcContext() { connection }: RpcCall) {
    const subscription = this.feed.subscribe(filter, from);
    const subscriptionId = `sub_${randomBytes(9).toString('base64url')}`;
    this.open.set(subscriptionId, { connection, subscription });
    const forget = connection.onClose(() => subscription.close());
    const { cursor } = subscription;
    // The reply first: it says which subscription the notifications are of.
    setImmediate(() => {
      void this.send(subscriptionId, connection, subscription).finally(() => {
        forget();
        this.open.delete(subscriptionId);
      });
    });
    return { subscriptionId, cursor };
  }

  @RpcMethod('session.unsubscribe', { summary: 'Ends a subscription of this socket.' })
  unsubscribe(@RpcParams() { subscriptionId }: SubscriptionIdParams, @RpcContext() { connection }: RpcCall) {
    const found = this.open.get(subscriptionId);
    if (found?.connection !== connection) return { subscriptionId, unsubscribed: false };
    found.subscription.close();
    this.open.delete(subscriptionId);
    return { subscriptionId, unsubscribed: true };
  }

  /** At the speed of the client: what it cannot take yet stays in the feed. */
  private async send(
    subscriptionId: string,
    connection: RpcConnection,
    subscription: StatusSubscription,
  ): Promise<void> {
    try {
      while (!subscription.closed.aborted) {
        const record = await subscription.next();
        if (!record) continue;
        const { name, data } = eventMessage(record);
        await connection.notify(name, { subscriptionId, ...data });
      }
    } catch (error) {
      if (!(error instanceof RpcConnectionClosedError)) this.logger.error(error);
    } finally {
      subscription.close();
    }
  }
}
