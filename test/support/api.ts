import type { AddressInfo } from 'node:net';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { randomBytes } from 'node:crypto';

import { Config } from '../../apps/api/src/config/config.js';
import { createApp } from '../../apps/api/src/create-app.js';
import { IMAGE_TAG } from './images.js';
import { RpcClient } from './rpc-client.js';
import { SERVER_ID_PREFIX } from './leftovers.js';

/** A whole server in this process, on a free port, with containers of its own. */
export class TestApi {
  private readonly clients: RpcClient[] = [];
  private isStopped = false;

  private constructor(
    readonly app: NestExpressApplication,
    readonly serverId: string,
    readonly port: number,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<TestApi> {
    const serverId = env['SERVER_ID'] ?? newServerId();
    const config = Config.fromEnv({
      PORT: '0',
      SERVER_ID: serverId,
      IMAGE_TAG,
      // What is made ahead must not be counted with what a test has made.
      POOL_SIZE: '0',
      ...(process.env['DOCKER_HOST'] ? { DOCKER_HOST: process.env['DOCKER_HOST'] } : {}),
      ...env,
    });
    const app = await createApp(config, false);
    await app.listen(config.port, config.host);
    return new TestApi(app, serverId, (app.getHttpServer().address() as AddressInfo).port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}/ws/jsonrpc`;
  }

  async connect(): Promise<RpcClient> {
    const client = await RpcClient.connect(this.wsUrl);
    this.clients.push(client);
    return client;
  }

  /** Ends the server; its sessions go on, as they do when a server is restarted. */
  async stop(): Promise<void> {
    if (this.isStopped) return;
    this.isStopped = true;
    await Promise.all(this.clients.map((client) => client.close()));
    await this.app.close();
  }
}

export function newServerId(): string {
  return `${SERVER_ID_PREFIX}${randomBytes(4).toString('hex')}`;
}
