import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';

import type { StartSpec } from '#libs/runtime';
import type { Session } from '#libs/sessions';

import { arrived, type FakeAgent } from '../../runtime/src/testing/fake-agent.js';
import { startWithin } from './start-within.js';
import { FakeServer } from './testing/server.js';

Logger.overrideLogger(false);

const SPEC: StartSpec = { processId: 'p_1', args: ['true'], env: {}, cwd: '/workspace', stdin: 'closed' };
const SHORT_MS = 20;

let session: Session;
let agent: FakeAgent;

beforeEach(async () => {
  ({ session, agent } = await new FakeServer().session());
});

describe('a start', () => {
  it('is answered once the program runs', async () => {
    await expect(startWithin(session, SPEC)).resolves.toBe(true);
    expect(agent.requests('start')[0]?.head).toMatchObject(SPEC);
  });

  it('whose answer was lost with its line has happened when the agent knows the id', async () => {
    agent.on('start', (exchange) => {
      if (agent.requests('start').length === 1) agent.breakLine();
      else exchange.refuse('process_exists', 'there is one');
    });

    await expect(startWithin(session, SPEC)).resolves.toBe(true);
    expect(agent.requests('start').map(({ head }) => head['processId'])).toEqual(['p_1', 'p_1']);
  });

  it('passes on why the program cannot be started', async () => {
    agent.on('start', (exchange) => exchange.refuse('spawn_failed', 'no such file', { kind: 'not_found' }));

    await expect(startWithin(session, SPEC)).rejects.toMatchObject({ code: 'spawn_failed' });
  });

  it('that the agent is too busy for is refused as such', async () => {
    agent.on('start', (exchange) => exchange.refuse('busy', 'too much'));

    await expect(startWithin(session, SPEC)).rejects.toMatchObject({ reason: 'rate_limited' });
  });

  it('has not happened in a sandbox that has gone', async () => {
    await session.sandbox.destroy();

    await expect(startWithin(session, SPEC)).resolves.toBe(false);
  });
});

describe('an agent that says nothing', () => {
  const silence = expect.objectContaining({ kind: 'sandbox_silent' });

  beforeEach(() => {
    agent.on('start', () => undefined);
  });

  it('is given up in time, and asked not to begin any more', async () => {
    await expect(startWithin(session, SPEC, SHORT_MS)).rejects.toEqual(silence);
    await expect(agent.requests('start')[0]?.cancelled).resolves.toBe('cancelled');
  });

  it('that starts the program after all is made to kill it', async () => {
    await expect(startWithin(session, SPEC, SHORT_MS)).rejects.toEqual(silence);
    const kill = agent.next('kill');
    agent.requests('start')[0]?.respond({ pid: 7 });

    expect((await kill).head['processId']).toBe('p_1');
  });

  it('that says that it did not begin has nothing to kill', async () => {
    await expect(startWithin(session, SPEC, SHORT_MS)).rejects.toEqual(silence);
    agent.requests('start')[0]?.refuse('cancelled', 'cancelled');
    await arrived();

    expect(agent.requests('kill')).toEqual([]);
  });

  it('whose line breaks then is not asked to start again, but to kill what it may have started', async () => {
    await expect(startWithin(session, SPEC, SHORT_MS)).rejects.toEqual(silence);
    const kill = agent.next('kill');
    agent.breakLine();

    expect((await kill).head['processId']).toBe('p_1');
    expect(agent.requests('start')).toHaveLength(1);
  });
});
