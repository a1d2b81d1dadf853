import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { TestApi } from './api.js';
import { containersOf, volumesOf } from './leftovers.js';
import { eventually } from './eventually.js';
import type { RpcClient } from './rpc-client.js';
import { TestSession } from './test-session.js';

/** One server for all tests of a file, and a client of it. */
export class ServerUnderTest {
  api!: TestApi;
  client!: RpcClient;
  /** Whether it makes sandboxes ahead, which go only with the server itself. */
  hasPool = false;
  /** Its STATE_DIRECTORY. */
  directory!: string;

  /** A session of its own; whatever is still open at the end is closed then. */
  async session(params: object = {}, client = this.client): Promise<TestSession> {
    return new TestSession(client, await client.call('session.create', { language: 'python', ...params }));
  }

  /** Ends every session and the server. Throws when anything of them is left on the engine. */
  async end(): Promise<void> {
    try {
      const client = await this.api.connect();
      const { sessions } = await client.call('session.list', { limit: 1000 });
      await Promise.all(sessions.map(({ sessionId }: any) => client.call('session.close', { sessionId })));
      if (this.hasPool) await this.api.stop();
      await eventually(
        async () => [...(await containersOf(this.api.serverId)), ...(await volumesOf(this.api.serverId))],
        (left) => left.length === 0,
        'every container and volume of the server is gone',
      );
    } finally {
      await this.api.stop();
    }
  }
}

/** To be called at the top of a spec file. */
export function useServer(env: Record<string, string> = {}): ServerUnderTest {
  const server = new ServerUnderTest();
  let directory: string | undefined;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codebeaker-e2e-'));
    server.hasPool = env['POOL_SIZE'] !== undefined;
    server.directory = env['STATE_DIRECTORY'] ?? directory;
    server.api = await TestApi.start({ STATE_DIRECTORY: directory, ...env });
    server.client = await server.api.connect();
  });
  afterAll(async () => {
    try {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- absent when the start failed
      if (server.api) await server.end();
    } finally {
      if (directory) await rm(directory, { recursive: true, force: true });
    }
  });
  return server;
}
