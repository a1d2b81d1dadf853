import { Logger } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { deferred, RuntimeError } from '#libs/runtime';

import { arrived, isPending } from '../../runtime/src/testing/fake-agent.js';
import { type FakeContainer, FakeEngine, FakeRuntime } from '../../runtime/src/testing/fake-runtime.js';
import { DomainError } from './domain-error.js';
import type { SessionsOptions } from './options.js';
import type { Session } from './session.js';
import { readClaim } from './session-claim.js';
import { InMemorySessionStore } from './session-store.js';
import { SessionsService } from './sessions.service.js';
import { StatusFeed } from './status-feed.js';
import { SESSION_OPTIONS } from './testing/session-options.js';

Logger.overrideLogger(false);

const MINUTE_MS = 60_000;
const NOW = new Date('2026-01-02T03:00:00Z');
const OPTIONS = { ...SESSION_OPTIONS, allowedImages: ['ours:1'] } satisfies SessionsOptions;

interface Server {
  readonly runtime: FakeRuntime;
  readonly store: InMemorySessionStore;
  readonly feed: StatusFeed;
  readonly sessions: SessionsService;
}

let engine: FakeEngine;

function server(options: Partial<SessionsOptions> = {}): Server {
  const runtime = new FakeRuntime(engine);
  const store = new InMemorySessionStore();
  const all = { ...OPTIONS, ...options };
  const feed = new StatusFeed(all);
  return { runtime, store, feed, sessions: new SessionsService(runtime, store, all, feed) };
}

/** Another server on the same engine, some time later, as after a crash. */
async function restarted(options: Partial<SessionsOptions> = {}): Promise<Server> {
  later(1_000);
  const next = server(options);
  await next.sessions.onApplicationBootstrap();
  return next;
}

function later(ms: number): Date {
  vi.advanceTimersByTime(ms);
  return new Date();
}

async function refusalOf(work: Promise<unknown> | (() => unknown)): Promise<DomainError> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    if (error instanceof DomainError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

const containerOf = (session: Session): FakeContainer => {
  const container = engine.containers.get(session.sandbox.id);
  if (!container) throw new Error('there is no container');
  return container;
};

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'], now: NOW });
  engine = new FakeEngine();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('creating a session', () => {
  it('makes a sandbox of the language’s image with the limits that were asked for', async () => {
    const { sessions } = server({ imageTag: '1.2.3' });
    engine.images.add('codebeaker-nodejs:1.2.3');
    const limits = {
      memoryLimitMB: 64,
      cpuLimit: 0.5,
      pidsLimit: 7,
      openFilesLimit: 99,
      diskLimitMB: 3,
      tmpLimitMB: 2,
    };
    await sessions.create({ language: 'TS', ...limits });

    expect(engine.specs).toEqual([
      {
        image: 'codebeaker-nodejs:1.2.3',
        limits: {
          memoryBytes: 67_108_864,
          cpus: 0.5,
          pids: 7,
          diskBytes: 3_145_728,
          tmpBytes: 2_097_152,
          openFiles: 99,
          network: 'none',
        },
        labels: { language: 'nodejs' },
      },
    ]);
  });

  it('uses an allowed image instead', async () => {
    const { sessions } = server();
    engine.images.add('ours:1');
    await sessions.create({ language: 'python', dockerImage: 'ours:1' });

    expect(engine.specs[0]?.image).toBe('ours:1');
  });

  it('gives a session that can be found, with an id that cannot be guessed', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'py', name: 'mine', labels: { a: 'b' } });

    expect(sessions.find(session.id)).toBe(session);
    expect(sessions.all()).toEqual([session]);
    expect(session.id).toMatch(/^s_[\w-]{16}$/);
    expect(session.identity).toMatchObject({ requestedLanguage: 'py', name: 'mine', labels: { a: 'b' } });
    expect(session.state).toBe('Idle');
  });

  it('claims the sandbox before it is handed out, with an end of its own should no server return', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python', maxLifetimeMinutes: 60, env: { A: 'b' } });

    const { agent } = containerOf(session);
    expect(readClaim(agent.claim)).toMatchObject({
      identity: { id: session.id, env: { A: 'b' } },
      config: session.config,
    });
    expect(agent.selfDestructMs).toBe(70 * MINUTE_MS);
  });

  it('refuses a language that there is not, before anything is made', async () => {
    const { sessions } = server();

    expect((await refusalOf(sessions.create({ language: 'cobol' }))).reason).toBe('unsupported_language');
    expect(engine.specs).toEqual([]);
  });

  it('counts those being made against the quota', async () => {
    const { sessions, runtime } = server({ maxSessions: 2, maxQueuedCreates: 0 });
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const creates = [sessions.create({ language: 'python' }), sessions.create({ language: 'python' })];

    const refusal = await refusalOf(sessions.create({ language: 'python' }));
    expect(refusal).toMatchObject({ reason: 'quota_exceeded', data: { quota: 'maxSessions', limit: 2 } });
    making.resolve();
    await Promise.all(creates);
    expect(engine.containers.size).toBe(2);
  });

  it('has room again when one has ended, or could not be made', async () => {
    const { sessions, runtime } = server({ maxSessions: 1 });
    runtime.onCreate = () => {
      throw new Error('the engine broke');
    };
    await expect(sessions.create({ language: 'python' })).rejects.toThrow('the engine broke');
    runtime.onCreate = () => undefined;
    const session = await sessions.create({ language: 'python' });
    await sessions.close(session.id);

    await expect(sessions.create({ language: 'python' })).resolves.toBeDefined();
  });

  it('asks the engine for only so many at once', async () => {
    const { sessions, runtime } = server({ maxConcurrentCreates: 2 });
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const creates = [1, 2, 3].map(() => sessions.create({ language: 'python' }));
    await arrived();
    expect(engine.specs).toHaveLength(2);

    making.resolve();
    await Promise.all(creates);
    expect(engine.specs).toHaveLength(3);
  });

  it('passes on that the engine is away or that the image is missing', async () => {
    const { sessions } = server();
    engine.images.clear();
    await expect(sessions.create({ language: 'go' })).rejects.toMatchObject({
      kind: 'image_unavailable',
      data: { image: 'codebeaker-golang:latest' },
    });
    engine.isAway = true;
    await expect(sessions.create({ language: 'go' })).rejects.toMatchObject({ kind: 'engine_unavailable' });
  });

  it('sends away who waits behind a create that found the engine away', async () => {
    const { sessions, runtime } = server({ maxConcurrentCreates: 1 });
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const creates = [1, 2, 3].map(() => sessions.create({ language: 'python' }));
    for (const create of creates) create.catch(() => undefined);
    await arrived();
    making.reject(new RuntimeError('engine_unavailable', 'It hangs.'));

    for (const create of creates) await expect(create).rejects.toMatchObject({ kind: 'engine_unavailable' });
    expect(engine.specs).toHaveLength(1);
  });

  it('leaves nothing behind when the caller goes while it is made', async () => {
    const { sessions, runtime, store } = server();
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const abort = new AbortController();
    const creating = sessions.create({ language: 'python' }, { signal: abort.signal });
    creating.catch(() => undefined);
    await arrived();
    abort.abort('disconnected');
    making.resolve();

    expect((await refusalOf(creating)).reason).toBe('request_cancelled');
    expect(engine.containers.size).toBe(0);
    expect(store.size).toBe(0);
  });

  it('leaves nothing behind when the caller goes while the sandbox is claimed', async () => {
    const { sessions, store } = server();
    const abort = new AbortController();
    engine.onAdd = ({ agent }) =>
      void agent.on('claim', (exchange) => {
        abort.abort('cancelled');
        exchange.respond();
      });
    const creating = sessions.create({ language: 'python' }, { signal: abort.signal });

    expect((await refusalOf(creating)).reason).toBe('request_cancelled');
    expect(engine.specs).toHaveLength(1);
    expect(engine.containers.size).toBe(0);
    expect(store.size).toBe(0);
  });

  it('asks the engine for nothing when the caller went while it waited for its turn', async () => {
    const { sessions, runtime } = server({ maxConcurrentCreates: 1 });
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const first = sessions.create({ language: 'python' });
    const abort = new AbortController();
    const second = sessions.create({ language: 'python' }, { signal: abort.signal });
    second.catch(() => undefined);
    abort.abort('disconnected');
    making.resolve();
    await first;

    expect((await refusalOf(second)).reason).toBe('request_cancelled');
    expect(engine.specs).toHaveLength(1);
  });

  it('leaves nothing behind when the agent refuses the claim', async () => {
    const { sessions, store } = server();
    engine.onAdd = ({ agent }) => void agent.on('claim', (exchange) => exchange.refuse('internal', 'no'));

    await expect(sessions.create({ language: 'python' })).rejects.toMatchObject({ code: 'internal' });
    expect(engine.specs).toHaveLength(1);
    expect(engine.containers.size).toBe(0);
    expect(store.size).toBe(0);
  });

  // An agent keeps 131,072 bytes, and a frame holds 262,144.
  it.each([140_000, 300_000])(
    'refuses settings that no claim can hold, before anything is made (%i bytes)',
    async (bytes) => {
      const { sessions } = server();

      const refusal = await refusalOf(sessions.create({ language: 'python', env: { BIG: 'x'.repeat(bytes) } }));
      expect(['invalid_params', 'quota_exceeded']).toContain(refusal.reason);
      expect(engine.specs).toEqual([]);
    },
  );
});

describe('finding a session', () => {
  it('tells an unknown one as not found', async () => {
    expect((await refusalOf(() => server().sessions.find('s_none'))).reason).toBe('session_not_found');
  });

  it('does not find a hidden one, nor lists it, alive or ended', async () => {
    const { sessions, store } = server();
    const hidden = await sessions.create({ language: 'python' }, { hidden: true });

    expect(store.size).toBe(1);
    expect(sessions.all()).toEqual([]);
    expect((await refusalOf(() => sessions.find(hidden.id))).reason).toBe('session_not_found');
    expect((await refusalOf(sessions.close(hidden.id))).reason).toBe('session_not_found');
    await sessions.end(hidden, 'closed');
    expect((await refusalOf(() => sessions.find(hidden.id))).reason).toBe('session_not_found');
  });

  it('lists the oldest first', async () => {
    const { sessions } = server();
    const first = await sessions.create({ language: 'python' });
    later(5);
    const second = await sessions.create({ language: 'go' });

    expect(sessions.all().map(({ id }) => id)).toEqual([first.id, second.id]);
  });
});

describe('extending a session', () => {
  it('changes its times within what the server gives', async () => {
    const { sessions } = server({ maxLifetimeMinutes: 600 });
    const { id } = await sessions.create({ language: 'python' });
    sessions.extend(id, { idleTimeoutMinutes: 90, maxLifetimeMinutes: 600 });

    expect(sessions.find(id).config).toMatchObject({ idleTimeoutMinutes: 90, maxLifetimeMinutes: 600 });
    expect((await refusalOf(() => sessions.extend(id, { maxLifetimeMinutes: 601 }))).data).toEqual({
      quota: 'maxLifetimeMinutes',
      limit: 600,
    });
    expect(sessions.find(id).config.maxLifetimeMinutes).toBe(600);
  });

  it('is told to the agent soon, and once for many changes', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python' });
    const { agent } = containerOf(session);
    for (const maxLifetimeMinutes of [200, 300, 400]) sessions.extend(session.id, { maxLifetimeMinutes });
    await vi.advanceTimersByTimeAsync(1_000);
    await arrived();

    expect(agent.requests('claim')).toHaveLength(2);
    expect(readClaim(agent.claim)?.config.maxLifetimeMinutes).toBe(400);
    // To the end of the new lifetime, from the moment when it is told, and ten minutes.
    expect(agent.selfDestructMs).toBe(410 * MINUTE_MS - 1_000);
  });
});

describe('closing a session', () => {
  it('resolves when the container is gone, and not before', async () => {
    const { sessions, runtime } = server();
    const { id } = await sessions.create({ language: 'python' });
    const removing = deferred<void>();
    runtime.onDestroy = () => removing.promise;
    const closing = sessions.close(id);
    expect(await isPending(closing)).toBe(true);

    removing.resolve();
    await closing;
    expect(engine.containers.size).toBe(0);
  });

  it('tells whoever comes later, or at the same time, that it has ended', async () => {
    const { sessions } = server();
    const { id } = await sessions.create({ language: 'python' });
    const closing = sessions.close(id);

    expect(await refusalOf(sessions.close(id))).toMatchObject({
      reason: 'session_ended',
      data: { endReason: 'closed' },
    });
    await closing;
    expect((await refusalOf(sessions.close(id))).reason).toBe('session_ended');
    expect((await refusalOf(() => sessions.find(id))).reason).toBe('session_ended');
    expect((await refusalOf(() => sessions.extend(id, {}))).reason).toBe('session_ended');
    expect(sessions.all()).toEqual([]);
  });

  it('lets running commands answer before the container is taken away', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python' });
    const activity = session.begin();
    const closing = sessions.close(session.id);
    await arrived();
    expect(session.ended.aborted).toBe(true);
    expect(engine.containers.size).toBe(1);

    activity.end();
    await closing;
    expect(engine.containers.size).toBe(0);
  });

  it('does not wait for ever for a command that does not end', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python' });
    session.begin();
    const closing = sessions.close(session.id);
    await vi.advanceTimersByTimeAsync(3_000);
    await closing;

    expect(engine.containers.size).toBe(0);
  });

  it('says so when the container could not be removed, and has it removed later', async () => {
    const { sessions, runtime } = server();
    await sessions.onApplicationBootstrap();
    const { id } = await sessions.create({ language: 'python' });
    runtime.onDestroy = () => {
      throw new Error('the engine broke');
    };
    await expect(sessions.close(id)).rejects.toThrow('the engine broke');
    expect(engine.containers.size).toBe(1);

    await sessions.cleanUp(later(2 * MINUTE_MS));
    expect(engine.containers.size).toBe(0);
  });
});

describe('a container that is lost', () => {
  it.each(['container_lost', 'out_of_memory'] as const)('ends its session with the reason %s', async (reason) => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python' });
    engine.lose(session.sandbox.id, reason);

    expect(await refusalOf(() => sessions.find(session.id))).toMatchObject({
      reason: 'session_ended',
      data: { endReason: reason },
    });
    expect(session.ended.reason).toBe(reason);
    expect(sessions.all()).toEqual([]);
  });

  it('does not change the reason of a session that was closed', async () => {
    const { sessions } = server();
    const session = await sessions.create({ language: 'python' });
    await sessions.close(session.id);

    expect((await refusalOf(() => sessions.find(session.id))).data).toEqual({ endReason: 'closed' });
  });

  it('makes room for another session', async () => {
    const { sessions } = server({ maxSessions: 1 });
    const session = await sessions.create({ language: 'python' });
    engine.lose(session.sandbox.id, 'container_lost');

    await expect(sessions.create({ language: 'python' })).resolves.toBeDefined();
  });
});

describe('the clean-up', () => {
  it('ends what is overdue, says why, and leaves the rest', async () => {
    const { sessions } = server();
    await sessions.onApplicationBootstrap();
    const idle = await sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    const old = await sessions.create({ language: 'python', maxLifetimeMinutes: 5 });
    const fresh = await sessions.create({ language: 'python' });
    await sessions.cleanUp(later(5 * MINUTE_MS));

    expect((await refusalOf(() => sessions.find(idle.id))).data).toEqual({ endReason: 'idle_timeout' });
    expect((await refusalOf(() => sessions.find(old.id))).data).toEqual({ endReason: 'lifetime_exceeded' });
    expect(sessions.all()).toEqual([fresh]);
    expect([...engine.containers.keys()]).toEqual([fresh.sandbox.id]);
  });

  it('does not end a session by idling in which a command runs', async () => {
    const { sessions } = server();
    await sessions.onApplicationBootstrap();
    const session = await sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    session.begin();
    await sessions.cleanUp(later(60 * MINUTE_MS));

    expect(sessions.all()).toEqual([session]);
  });

  it('goes on when one end fails', async () => {
    const { sessions, runtime } = server();
    await sessions.onApplicationBootstrap();
    const stuck = await sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    const other = await sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    const orphan = engine.add({ image: 'x', limits: {} as never, labels: {} });
    runtime.onDestroy = (id) => {
      if (id === stuck.sandbox.id) throw new Error('this one does not go');
    };
    await sessions.cleanUp(later(5 * MINUTE_MS));

    expect(engine.containers.has(other.sandbox.id)).toBe(false);
    expect(engine.containers.has(orphan.id)).toBe(false);
  });

  it('does not fail when the engine is away, and works when it is back', async () => {
    const { sessions } = server();
    await sessions.onApplicationBootstrap();
    await sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    engine.isAway = true;
    await expect(sessions.cleanUp(later(5 * MINUTE_MS))).resolves.toBeUndefined();
    expect(engine.containers.size).toBe(1);

    engine.isAway = false;
    await sessions.cleanUp(later(MINUTE_MS));
    expect(engine.containers.size).toBe(0);
  });

  it('removes containers of no session, once they are old enough to be nobody’s', async () => {
    const { sessions, runtime } = server();
    await sessions.onApplicationBootstrap();
    const session = await sessions.create({ language: 'python' });
    const orphan = engine.add({ image: 'x', limits: {} as never, labels: {} });
    await sessions.cleanUp(later(MINUTE_MS - 1));
    expect(runtime.removed).toEqual([]);

    await sessions.cleanUp(later(1));
    expect(runtime.removed).toEqual([orphan.id]);
    expect(runtime.tidied).toBeGreaterThan(0);
    expect(sessions.all()).toEqual([session]);
  });

  it('removes none while a session is being made', async () => {
    const { sessions, runtime } = server();
    await sessions.onApplicationBootstrap();
    engine.add({ image: 'x', limits: {} as never, labels: {} });
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const creating = sessions.create({ language: 'python' });
    await sessions.cleanUp(later(10 * MINUTE_MS));
    expect(runtime.removed).toEqual([]);

    making.resolve();
    await creating;
    await sessions.cleanUp();
    expect(runtime.removed).toHaveLength(1);
  });

  // end() takes the session out of the store at once, so the same clean-up takes its container for an orphan: the
  // commands lose the three seconds in which they are killed and answer, and the log warns of an orphan that was none.
  it('does not take the container of a session that is just ending for an orphan', async () => {
    const { sessions, runtime } = server();
    await sessions.onApplicationBootstrap();
    const session = await sessions.create({ language: 'python', maxLifetimeMinutes: 5 });
    const activity = session.begin();
    const cleaning = sessions.cleanUp(later(5 * MINUTE_MS));
    await arrived();
    const removed = [...runtime.removed];
    activity.end();
    await cleaning;

    expect(removed).toEqual([]);
  });
});

describe('a server that starts again', () => {
  it('takes its sessions up as they were', async () => {
    const before = server();
    const session = await before.sessions.create({
      language: 'ts',
      idleTimeoutMinutes: 45,
      env: { A: 'b' },
      labels: { c: 'd' },
      name: 'mine',
    });
    later(2 * MINUTE_MS);
    session.begin().end();
    await before.sessions.onApplicationShutdown();

    const after = await restarted();
    const adopted = after.sessions.find(session.id);
    expect(adopted).not.toBe(session);
    expect(adopted.identity).toEqual(session.identity);
    expect(adopted.config).toEqual(session.config);
    expect(adopted.lastActivity).toEqual(session.lastActivity);
    expect(adopted.executionCount).toBe(1);
    expect(adopted.sandbox.id).toBe(session.sandbox.id);
    await expect(adopted.sandbox.agent.ping()).resolves.toBeUndefined();
  });

  it('goes on counting their times', async () => {
    const before = server();
    const { id } = await before.sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    const after = await restarted();
    await after.sessions.cleanUp(later(5 * MINUTE_MS));

    expect((await refusalOf(() => after.sessions.find(id))).data).toEqual({ endReason: 'idle_timeout' });
    expect(engine.containers.size).toBe(0);
  });

  it('counts them against the quota', async () => {
    await server().sessions.create({ language: 'python' });
    const after = await restarted({ maxSessions: 1, maxQueuedCreates: 0 });

    expect((await refusalOf(after.sessions.create({ language: 'python' }))).reason).toBe('quota_exceeded');
  });

  it('removes the sandboxes that nobody claimed, that were hidden, or that have stopped', async () => {
    const before = server();
    const kept = await before.sessions.create({ language: 'python' });
    await before.sessions.create({ language: 'python' }, { hidden: true });
    engine.add({ image: 'x', limits: {} as never, labels: {} });
    engine.add({ image: 'x', limits: {} as never, labels: {} }).running = false;
    const after = await restarted();

    expect([...engine.containers.keys()]).toEqual([kept.sandbox.id]);
    expect(after.store.size).toBe(1);
  });

  it('leaves alone what was made after it began', async () => {
    engine.isAway = true;
    const after = server();
    await after.sessions.onApplicationBootstrap();
    engine.isAway = false;
    const young = engine.add({ image: 'x', limits: {} as never, labels: {} });
    await after.sessions.cleanUp();

    expect(engine.containers.has(young.id)).toBe(true);
    expect(after.runtime.adopted).toEqual([]);
  });

  it.each([-600, 600])('goes on counting their times when the clock was set by %i minutes meanwhile', async (jump) => {
    const before = server();
    const { id } = await before.sessions.create({ language: 'python', idleTimeoutMinutes: 5 });
    later(2 * MINUTE_MS);
    vi.setSystemTime(Date.now() + jump * MINUTE_MS);
    const after = await restarted();
    expect(after.sessions.find(id).idleMinutes()).toBeCloseTo(2, 1);
    await after.sessions.cleanUp(later(2 * MINUTE_MS));
    expect(after.sessions.find(id).id).toBe(id);
    await after.sessions.cleanUp(later(MINUTE_MS));

    expect((await refusalOf(() => after.sessions.find(id))).data).toEqual({ endReason: 'idle_timeout' });
  });

  it('starts without its engine, and takes its sessions up when that is back', async () => {
    const { id } = await server().sessions.create({ language: 'python' });
    engine.isAway = true;
    const after = await restarted();
    // Nobody can say that there is no such session.
    expect(() => after.sessions.find(id)).toThrow(expect.objectContaining({ kind: 'engine_unavailable' }));
    expect(() => after.sessions.all()).toThrow(expect.objectContaining({ kind: 'engine_unavailable' }));

    after.runtime.comeBack();
    await vi.waitFor(() => expect(after.sessions.find(id).id).toBe(id));
    expect(after.sessions.all()).toHaveLength(1);
    expect((await refusalOf(() => after.sessions.find('s_other'))).reason).toBe('session_not_found');
  });

  it('asks for the rest again when the engine goes in the middle, and for none twice', async () => {
    const before = server();
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push((await before.sessions.create({ language: 'python' })).id);
    later(1_000);
    const after = server({ maxConcurrentCreates: 1 });
    const adopt = after.runtime.adopt.bind(after.runtime);
    let calls = 0;
    vi.spyOn(after.runtime, 'adopt').mockImplementation((record) => {
      if (++calls === 2) engine.isAway = true;
      return adopt(record);
    });
    await after.sessions.onApplicationBootstrap();
    expect(after.store.size).toBe(1);

    engine.isAway = false;
    await after.sessions.cleanUp();
    expect(
      after.sessions
        .all()
        .map(({ id }) => id)
        .sort(),
    ).toEqual(ids.sort());
    expect(after.runtime.adopted).toHaveLength(3);
  });

  it('goes on when one sandbox cannot be taken up, and removes that one as nobody’s after some tries', async () => {
    const before = server();
    const broken = await before.sessions.create({ language: 'python' });
    const fine = await before.sessions.create({ language: 'python' });
    containerOf(broken).agent.on('info', (exchange) => exchange.refuse('internal', 'broken'));
    const after = await restarted();
    expect(after.sessions.all().map(({ id }) => id)).toEqual([fine.id]);

    await after.sessions.cleanUp(later(2 * MINUTE_MS));
    expect(engine.containers.has(broken.sandbox.id)).toBe(true);
    await after.sessions.cleanUp(later(2 * MINUTE_MS));
    await after.sessions.cleanUp(later(2 * MINUTE_MS));
    expect([...engine.containers.keys()]).toEqual([fine.sandbox.id]);
  });

  // CleanUp's clock starts in the same phase as the adoption and does not wait for it. A second greeting would end the
  // exchanges of the first, and the session would have two owners.
  it('takes nothing up twice when the clean-up comes while it still does', async () => {
    await server().sessions.create({ language: 'python' });
    later(1_000);
    const after = server();
    await Promise.all([after.sessions.onApplicationBootstrap(), after.sessions.cleanUp()]);

    expect(after.runtime.adopted).toHaveLength(1);
  });

  it('ends a session whose container was lost while it was taken up', async () => {
    const session = await server().sessions.create({ language: 'python' });
    later(1_000);
    const after = server();
    const { agent } = containerOf(session);
    agent.on('info', (exchange) => {
      exchange.respond({}, agent.claim);
      queueMicrotask(() => engine.lose(session.sandbox.id, 'container_lost'));
    });
    await after.sessions.onApplicationBootstrap();
    await arrived();

    expect(after.store.size).toBe(0);
  });
});

describe('shutting down', () => {
  it('waits for what is being made, tells the agents what changed, and leaves the sandboxes running', async () => {
    const { sessions, runtime } = server();
    const session = await sessions.create({ language: 'python' });
    session.begin().end();
    const making = deferred<void>();
    runtime.onCreate = () => making.promise;
    const creating = sessions.create({ language: 'python' });
    const stopping = sessions.onApplicationShutdown();
    expect(await isPending(stopping)).toBe(true);
    making.resolve();
    await Promise.all([creating, stopping]);

    expect(readClaim(containerOf(session).agent.claim)?.executionCount).toBe(1);
    expect(runtime.isClosed).toBe(true);
    expect(engine.containers.size).toBe(2);
  });
});
