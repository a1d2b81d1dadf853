import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { settled } from '../support/answers.js';
import { EngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/eventually.js';
import { useServer } from '../support/server-under-test.js';
import { TestContext } from '../support/test-context.js';

const LINES = 200;
const PRINTS = `import time
for i in range(${LINES}):
    print(i)
    time.sleep(0.01)
7`;

describe('a context whose line to the server breaks', () => {
  const proxy = new EngineProxy();
  beforeAll(() => proxy.restore());
  afterAll(() => proxy.cut());
  const server = useServer({ DOCKER_HOST: proxy.dockerHost });

  it('goes on, and loses neither a byte nor its answer', async () => {
    const { id } = await server.session();
    const python = await TestContext.create(server.client, id);
    const running = python.stream(PRINTS);
    await server.client.until(() => python.streamed(running.id).includes('\n10\n'));

    await proxy.cut();
    await proxy.restore();

    const lines = Array.from({ length: LINES }, (_, line) => `${line}\n`).join('');
    expect(await running.result).toMatchObject({ results: [{ 'text/plain': '7' }], stdout: lines, stderr: '' });
    expect(python.streamed(running.id)).toBe(lines);
  });

  it('does not claim to know what became of code that was lost on its way', async () => {
    const { id } = await server.session();
    const python = await TestContext.create(server.client, id);
    await python.run('x = 1');
    proxy.freeze();
    const lost = python.stream('x = 2');
    await eventually(
      () => python.state(),
      (state) => state === 'running',
      'the code is on its way',
    );

    await proxy.cut();
    await proxy.restore();

    expect(await settled(lost.result)).toMatchObject({ code: -32008, data: { reason: 'engine_unavailable' } });
    expect(await python.run('x')).toMatchObject({ results: [{ 'text/plain': '1' }], error: null });
  });
});
