import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Session, SessionEndReason } from '#libs/sessions';

import { processEnd } from '../../runtime/src/testing/fake-agent.js';
import { BackgroundProcess } from './background-process.js';
import { ProcessIndex } from './process-index.js';

const NOW = new Date('2026-01-02T03:04:05Z');
const KEPT_MS = 600_000;

class FakeSession {
  private readonly ending = new AbortController();
  readonly ended = this.ending.signal;

  get endReason(): SessionEndReason | undefined {
    return this.ended.reason as SessionEndReason | undefined;
  }

  end(reason: SessionEndReason): void {
    this.ending.abort(reason);
  }
}

let ends: FakeSession;
let session: Session;
let index: ProcessIndex;
let made: number;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  ends = new FakeSession();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a process asks its session for its end alone
  session = ends as unknown as Session;
  index = new ProcessIndex();
  made = 0;
});

afterEach(() => {
  vi.useRealTimers();
});

function add(): BackgroundProcess {
  const facts = { processId: `p_${++made}`, args: ['true'], pty: false, startedAt: new Date() };
  const process = new BackgroundProcess(session, facts, (expired) => index.remove(expired));
  index.add(process);
  return process;
}

const endNow = () => processEnd({ startedAt: new Date().toISOString(), durationMs: 0 });

describe('a background process', () => {
  it('has the first end that it is told', async () => {
    const process = add();
    process.finish(processEnd({ exitCode: 1 }));
    process.finish(processEnd({ exitCode: 2 }));
    process.vanish(new Error('too late'));

    await expect(process.ended()).resolves.toMatchObject({ exitCode: 1 });
    expect(process.end).toMatchObject({ exitCode: 1 });
  });

  it('that vanishes has no end, and whoever waits hears why', async () => {
    const process = add();
    const waiting = process.ended();
    process.vanish(new Error('forgotten'));

    await expect(waiting).rejects.toThrow('forgotten');
    expect(process.end).toBeUndefined();
    expect(index.get(process.id)).toBeUndefined();
  });

  it('is waited for no longer than the caller wants', async () => {
    const caller = new AbortController();
    const waiting = add().ended(caller.signal);
    caller.abort(new Error('gone'));

    await expect(waiting).rejects.toThrow('gone');
  });

  it.each<[SessionEndReason, string]>([
    ['closed', 'killed'],
    ['idle_timeout', 'killed'],
    ['lifetime_exceeded', 'killed'],
    ['container_lost', 'container_lost'],
    ['out_of_memory', 'out_of_memory'],
  ])('whose session ended by %s without a word of the agent was %s', (reason, endReason) => {
    const process = add();
    process.see({ stream: 'stdout', seq: 0, offset: 5, data: Buffer.from('seen') });
    process.see({ stream: 'stdout', seq: 0, offset: 0, data: Buffer.from('seen') });
    vi.advanceTimersByTime(1_500);
    ends.end(reason);

    expect(process.unseenEnd()).toMatchObject({
      endReason,
      exitCode: null,
      signal: null,
      durationMs: 1_500,
      stdoutBytes: 9,
      stderrBytes: 0,
    });
  });
});

describe('the index', () => {
  it('keeps what has ended for as long as the agent does', () => {
    const process = add();
    process.finish(endNow());
    vi.advanceTimersByTime(KEPT_MS - 1);
    expect(index.get(process.id)).toBe(process);
    vi.advanceTimersByTime(1);

    expect(index.get(process.id)).toBeUndefined();
  });

  it('counts from the end itself, not from when it was learned', () => {
    const process = add();
    const endedAt = new Date(NOW.getTime() - KEPT_MS + 1_000).toISOString();
    process.finish(processEnd({ startedAt: endedAt, durationMs: 0 }));
    vi.advanceTimersByTime(1_000);

    expect(index.get(process.id)).toBeUndefined();
  });

  it('keeps so many ended ones, the oldest leave first, and what runs stays', () => {
    const runs = add();
    const ended = Array.from({ length: 64 }, () => {
      const process = add();
      process.finish(endNow());
      return process;
    });
    expect(ended.every((process) => index.get(process.id) === process)).toBe(true);
    add();

    expect(index.get(ended[0]!.id)).toBeUndefined();
    expect(index.get(ended[1]!.id)).toBe(ended[1]);
    expect(index.get(runs.id)).toBe(runs);
    expect(index.runningIn(session)).toBe(2);
  });

  it('forgets all of a session that ends, and leaves no timer', () => {
    const [runs, ended] = [add(), add()];
    ended.finish(endNow());
    ends.end('closed');

    expect([index.get(runs.id), index.get(ended.id)]).toEqual([undefined, undefined]);
    expect(index.runningIn(session)).toBe(0);
    runs.finish(endNow());
    expect(vi.getTimerCount()).toBe(0);
  });
});
