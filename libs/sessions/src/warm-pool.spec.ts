import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { deferred, RuntimeError } from '#libs/runtime';

import { arrived } from '../../runtime/src/testing/fake-agent.js';
import { type FakeContainer, FakeEngine, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import type { PoolOptions, SessionsOptions } from './options.js';
import { InMemorySessionStore } from './session-store.js';
import { SessionsService } from './sessions.service.js';
import { StatusFeed } from './status-feed.js';
import { SESSION_OPTIONS } from './testing/session-options.js';

Logger.overrideLogger(false);

const MIB = 1_048_576;
const POOL: PoolOptions = {
  size: 2,
  maxContainers: 4,
  memoryBytes: 4096 * MIB,
  keepMs: 600_000,
  freeMemoryBytes: 0,
  languages: [],
};
const OPTIONS = { ...SESSION_OPTIONS, pool: POOL } satisfies SessionsOptions;

let engine: FakeEngine;
let runtime: FakeRuntime;
let sessions: SessionsService;

async function start(pool: Partial<PoolOptions> = {}, options: Partial<SessionsOptions> = {}): Promise<void> {
  const all = { ...OPTIONS, ...options, pool: { ...POOL, ...pool } };
  runtime = new FakeRuntime(engine);
  sessions = new SessionsService(runtime, new InMemorySessionStore(), all, new StatusFeed(all));
  await sessions.onApplicationBootstrap();
}

/** Lets the pool do what it is about to do. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) {
    await vi.advanceTimersByTimeAsync(200);
    await arrived();
  }
}

const create = async (more: object = {}) => sessions.create({ language: 'python', ...more });
const counts = () => sessions.poolCounts;
const onEngine = (): FakeContainer[] => [...engine.containers.values()];

/** One session was made and closed, and the pool has what it then should. */
async function warm(pool: Partial<PoolOptions> = {}, options: Partial<SessionsOptions> = {}): Promise<void> {
  await start(pool, options);
  await sessions.close((await create()).id);
  await settle();
}

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'],
    now: new Date('2026-01-02T03:00:00Z'),
  });
  engine = new FakeEngine();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('the pool', () => {
  it('is empty until somebody asks, then has some ready of what was asked for', async () => {
    await start();
    await settle();
    expect(engine.containers.size).toBe(0);

    await create();
    await settle();
    expect(counts()).toMatchObject({ idle: 2, hits: 0, misses: 1 });
    expect(engine.containers.size).toBe(3);
    expect(sessions.all()).toHaveLength(1);
  });

  it('has the languages ready that it was told of before anybody asks', async () => {
    await start({ languages: ['go'] });
    await settle();

    expect(onEngine().map(({ spec }) => spec.image)).toEqual(['codebeaker-golang:latest', 'codebeaker-golang:latest']);
    const session = await sessions.create({ language: 'golang' });
    expect(counts()).toMatchObject({ hits: 1, misses: 0 });
    expect(session.identity.requestedLanguage).toBe('golang');
  });

  it('hands one out without asking the engine for anything', async () => {
    await warm();
    const [first] = onEngine();
    engine.isAway = true;

    const session = await create();
    expect(session.sandbox.id).toBe(first?.id);
    expect(counts()).toMatchObject({ hits: 1, resized: 0 });
    engine.isAway = false;
  });

  it('hands each one out once, and makes another behind it', async () => {
    await warm();
    const made = await Promise.all([create(), create()]);
    await Promise.all(made.map(({ id }) => sessions.close(id)));
    await settle();

    const later = await Promise.all([create(), create()]);
    const ids = [...made, ...later].map(({ sandbox }) => sandbox.id);
    expect(new Set(ids).size).toBe(4);
    expect(counts()).toMatchObject({ hits: 4 });
  });

  it('changes the limits of one that is otherwise what was asked for', async () => {
    await warm();
    const session = await create({ memoryLimitMB: 64, cpuLimit: 0.5, pidsLimit: 9, cpuShares: 512 });

    const container = engine.containers.get(session.sandbox.id);
    expect(container?.limits).toMatchObject({ memoryBytes: 64 * MIB, cpus: 0.5, pids: 9, cpuShares: 512 });
    expect(container?.spec.limits.memoryBytes).toBe(512 * MIB);
    expect(counts()).toMatchObject({ hits: 1, resized: 1 });
  });

  it.each([{ diskLimitMB: 5 }, { tmpLimitMB: 5 }, { openFilesLimit: 100 }, { language: 'nodejs' }])(
    'hands none out for what cannot be changed: %j',
    async (more) => {
      await warm();
      const ready = onEngine().map(({ id }) => id);
      const session = await create(more);

      expect(ready).not.toContain(session.sandbox.id);
      expect(counts()).toMatchObject({ hits: 0 });
    },
  );

  it('never hands out one that does not answer', async () => {
    await warm();
    const [silent, other] = onEngine();
    silent?.agent.on('claim', () => undefined);
    const creating = create();
    await vi.advanceTimersByTimeAsync(1_100);

    expect((await creating).sandbox.id).toBe(other?.id);
    await settle();
    expect(engine.containers.has(silent?.id ?? '')).toBe(false);
  });

  it('makes one anew where none of those that are ready can be claimed', async () => {
    await warm();
    const broken = onEngine();
    for (const { agent } of broken) agent.on('claim', (exchange) => exchange.refuse('internal', 'no'));
    const session = await create();

    expect(broken.map(({ id }) => id)).not.toContain(session.sandbox.id);
    await settle();
    for (const { id } of broken) expect(engine.containers.has(id)).toBe(false);
  });

  it('removes one that was handed to a caller who has gone', async () => {
    await warm();
    const abort = new AbortController();
    const [first] = onEngine();
    first?.agent.on('claim', (exchange) => {
      abort.abort('disconnected');
      exchange.respond();
    });

    await expect(sessions.create({ language: 'python' }, { signal: abort.signal })).rejects.toMatchObject({
      reason: 'request_cancelled',
    });
    expect(engine.containers.has(first?.id ?? '')).toBe(false);
  });

  it('replaces one that has died', async () => {
    await warm();
    const [dead] = onEngine();
    engine.lose(dead?.id ?? '', 'container_lost');
    await settle();

    expect(counts()).toMatchObject({ idle: 2 });
    expect(onEngine().map(({ id }) => id)).not.toContain(dead?.id);
  });

  it('grows by what it has missed, and goes back when the misses are old', async () => {
    await warm({ keepMs: 60_000 });
    const made = await Promise.all([create(), create(), create()]);
    await settle();
    expect(counts().idle).toBe(3);

    for (const { id } of made) await sessions.close(id);
    await vi.advanceTimersByTimeAsync(50_000);
    await create();
    await vi.advanceTimersByTimeAsync(20_000);
    await sessions.cleanUp();
    expect(counts().idle).toBe(2);
  });

  it('gives up what nobody asks for any more', async () => {
    await warm({ keepMs: 60_000 });
    await vi.advanceTimersByTimeAsync(61_000);
    await sessions.cleanUp();
    await settle();

    expect(engine.containers.size).toBe(0);
    expect(counts()).toMatchObject({ idle: 0, oldestAgeMs: null });
  });

  it('gives up what is of an image that was built anew', async () => {
    await warm();
    const old = onEngine().map(({ id }) => id);
    runtime.imageStatus = (image) => Promise.resolve({ image, available: true, id: 'sha256:new' });
    await sessions.cleanUp();
    await settle();

    expect(counts().idle).toBe(2);
    for (const { id } of onEngine()) expect(old).not.toContain(id);
  });

  it('takes no room from sessions', async () => {
    await warm({}, { maxSessions: 3 });
    expect(counts().idle).toBe(2);
    await create({ diskLimitMB: 5 });
    await create({ diskLimitMB: 6 });
    await settle();
    expect(counts().idle).toBeLessThanOrEqual(1);
    await create({ diskLimitMB: 7 });
    await settle();

    expect(engine.containers.size).toBe(3);
    expect(counts().idle).toBe(0);
  });

  it('gives way where the host is full', async () => {
    await warm();
    runtime.onCreate = () => {
      if (engine.containers.size > 1) throw new RuntimeError('host_disk_full', 'full');
    };

    await expect(create({ diskLimitMB: 5 })).resolves.toBeDefined();
    expect(counts().idle).toBe(0);
  });

  it('has nothing where memory is short, or when it is switched off', async () => {
    await warm({ freeMemoryBytes: Number.MAX_SAFE_INTEGER });
    expect(counts()).toMatchObject({ idle: 0, misses: 1 });
    await warm({ size: 0 });
    expect(counts()).toMatchObject({ idle: 0, misses: 0 });
  });

  it('does not try in a circle what fails', async () => {
    await start();
    await create();
    const asked = engine.specs.length;
    runtime.onCreate = () => Promise.reject(new Error('the engine broke'));
    await settle();

    expect(engine.specs.length - asked).toBe(1);
  });

  it('goes on when the engine is back', async () => {
    await start();
    await create();
    engine.isAway = true;
    await settle();
    engine.isAway = false;
    await sessions.cleanUp();
    await settle();

    expect(counts().idle).toBe(2);
  });

  it('is not taken for orphans, and ends by itself when no server renews it', async () => {
    await warm();
    expect(onEngine().map(({ agent }) => agent.selfDestructMs)).toEqual([600_000, 600_000]);
    const ids = onEngine().map(({ id }) => id);
    await vi.advanceTimersByTimeAsync(120_000);
    const before = onEngine()[0]?.agent.requests('claim').length ?? 0;
    await sessions.cleanUp();

    expect(onEngine().map(({ id }) => id)).toEqual(ids);
    expect(onEngine()[0]?.agent.requests('claim')).toHaveLength(before + 1);
  });

  it('is removed when the server ends, what is just being made included', async () => {
    await warm();
    const session = await create();
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    await settle();
    const ending = sessions.onApplicationShutdown();
    making.resolve();
    await ending;

    expect(onEngine().map(({ id }) => id)).toEqual([session.sandbox.id]);
  });

  it('is removed by the next server when the server was killed', async () => {
    await warm();
    const session = await create();
    await settle();
    await vi.advanceTimersByTimeAsync(1_000);
    await start({ size: 0 });

    expect(onEngine().map(({ id }) => id)).toEqual([session.sandbox.id]);
  });

  it('counts how long its sandboxes had been ready', async () => {
    await warm();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(counts().meanAgeMs).toBeNull();
    await create();

    expect(counts().meanAgeMs).toBeGreaterThanOrEqual(5_000);
    expect(counts().oldestAgeMs).toBeGreaterThanOrEqual(5_000);
  });
});
