import {
  Injectable,
  Logger,
  Module,
  type BeforeApplicationShutdown,
  type INestApplicationContext,
} from '@nestjs/common';

/** Connects the adapter, which is no provider, to the life of the application. */
@Injectable()
export class JsonRpcShutdown implements BeforeApplicationShutdown {
  private readonly drains = new Set<() => Promise<void>>();

  /** The one of this application; undefined when it does not import {@link JsonRpcModule}. */
  static of(app: INestApplicationContext): JsonRpcShutdown | undefined {
    try {
      return app.get(JsonRpcShutdown, { strict: false });
    } catch {
      return undefined;
    }
  }

  add(drain: () => Promise<void>): void {
    this.drains.add(drain);
  }

  async beforeApplicationShutdown(): Promise<void> {
    const results = await Promise.allSettled([...this.drains].map((drain) => drain()));
    for (const result of results) if (result.status === 'rejected') new Logger('JsonRpc').error(result.reason);
  }
}

/**
 * Import it so that sockets are drained in `beforeApplicationShutdown`, while everything that handlers need still runs.
 * `OpenRpcModule` imports it already.
 */
@Module({ providers: [JsonRpcShutdown], exports: [JsonRpcShutdown] })
export class JsonRpcModule {}
