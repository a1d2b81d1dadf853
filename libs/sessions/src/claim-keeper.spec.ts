import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { findLanguage, type Language } from '#libs/runtime';

import { arrived } from '../../runtime/src/testing/fake-agent.js';
import { FAKE_IMAGE, FakeEngine, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import { ClaimKeeper } from './claim-keeper.js';
import { Session } from './session.js';
import { readClaim } from './session-claim.js';
import { SESSION_DEFAULTS } from './session-config.js';

Logger.overrideLogger(false);

describe('ClaimKeeper', () => {
  let keeper: ClaimKeeper;

  beforeEach(() => {
    vi.useFakeTimers({
      toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'],
      now: new Date('2026-01-02T03:00:00Z'),
    });
    keeper = new ClaimKeeper();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  async function kept(id: string) {
    const engine = new FakeEngine();
    const sandbox = await new FakeRuntime(engine).create({ image: FAKE_IMAGE, limits: {} as never, labels: {} });
    const identity = {
      id,
      language: findLanguage('python') as Language,
      requestedLanguage: 'python',
      env: {},
      labels: {},
      createdAt: new Date(),
      hidden: false,
    };
    const session = new Session(identity, sandbox, SESSION_DEFAULTS, (changed) => keeper.note(changed));
    return { session, agent: sandbox.container.agent, engine };
  }

  const aSecondLater = async (): Promise<void> => {
    await vi.advanceTimersByTimeAsync(1_000);
    await arrived();
  };

  it('tells an agent once of all the commands of a second', async () => {
    const { session, agent } = await kept('s_1');
    for (let n = 0; n < 100; n++) session.begin().end();
    expect(agent.requests('claim')).toEqual([]);
    await aSecondLater();

    expect(agent.requests('claim')).toHaveLength(1);
    expect(readClaim(agent.claim)?.executionCount).toBe(100);
  });

  it('tells of the next changes too', async () => {
    const { session, agent } = await kept('s_1');
    for (let n = 0; n < 3; n++) {
      session.begin().end();
      await aSecondLater();
    }

    expect(agent.requests('claim')).toHaveLength(3);
  });

  it('has an agent that no server returns to end ten minutes behind the lifetime, and never at once', async () => {
    const { session, agent } = await kept('s_1');
    vi.advanceTimersByTime(60 * 60_000);
    await keeper.claim(session);
    expect(agent.selfDestructMs).toBe(70 * 60_000);

    vi.advanceTimersByTime(600 * 60_000);
    await keeper.claim(session);
    expect(agent.selfDestructMs).toBe(10 * 60_000);
  });

  it('tells the others when one agent cannot be told', async () => {
    const [broken, fine] = [await kept('s_1'), await kept('s_2')];
    for (const { session } of [broken, fine]) session.begin().end();
    broken.engine.isAway = true;
    broken.agent.breakLine();
    await aSecondLater();

    expect(readClaim(fine.agent.claim)?.identity.id).toBe('s_2');
    expect(broken.agent.requests('claim')).toEqual([]);
  });

  it('tells nothing of a session that has ended', async () => {
    const { session, agent } = await kept('s_1');
    session.begin().end();
    session.end('closed');
    await aSecondLater();

    expect(agent.requests('claim')).toEqual([]);
  });

  it('leaves no timer behind when it is flushed', async () => {
    const { session, agent } = await kept('s_1');
    session.begin().end();
    await keeper.flush();

    expect(agent.requests('claim')).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells an agent later what it could not be told while the line was broken', async () => {
    const { session, agent } = await kept('s_1');
    session.begin().end();
    agent.breakLine();
    await aSecondLater();
    await session.sandbox.ready();
    await keeper.flush();

    expect(readClaim(agent.claim)?.executionCount).toBe(1);
  });
});
