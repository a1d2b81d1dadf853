import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { AT_ONCE_MS, settled, UNAVAILABLE, within, works } from '../support/answers.js';
import { EngineProxy } from '../support/engine-proxy.js';
import { useServer } from '../support/server-under-test.js';

/** Also the limit of what the engine is asked for while it is well, on however slow a machine. */
const ENGINE_TIMEOUT_MS = 8_000;
const ENDLESS = { commandName: 'sh', args: ['-c', 'echo up; sleep 3600'] };

describe('an engine', () => {
  const proxy = new EngineProxy();
  beforeAll(() => proxy.restore());
  afterAll(() => proxy.cut());

  describe('that hangs', () => {
    const server = useServer({ DOCKER_HOST: proxy.dockerHost, ENGINE_TIMEOUT_MS: String(ENGINE_TIMEOUT_MS) });

    it('is told of when the limit of a call to it has passed', async () => {
      const session = await server.session();
      proxy.freeze();
      try {
        const [create, list, ready, live, ran] = await Promise.all([
          within(server.client.refusal('session.create', { language: 'python' }), AT_ONCE_MS),
          within(server.client.refusal('language.list'), AT_ONCE_MS),
          within(fetch(`${server.api.url}/health/ready`), AT_ONCE_MS),
          within(fetch(`${server.api.url}/health/live`), AT_ONCE_MS),
          within(settled(session.do('execute_shell', ENDLESS, { timeoutMs: 500 })), AT_ONCE_MS),
        ]);
        for (const refusal of [create, list]) expect(refusal).toMatchObject(UNAVAILABLE);
        expect(ready.status).toBe(503);
        expect(live.status).toBe(200);
        expect(ran.success ?? false).toBe(false);
      } finally {
        await proxy.restore();
      }
      await works(session);
      await session.close();
    });
  });
});
