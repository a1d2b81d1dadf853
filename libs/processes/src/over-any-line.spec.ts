import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { AgentError, AgentSilentError, ChannelLostError, RuntimeError } from '#libs/runtime';

import { arrived, isPending } from '../../runtime/src/testing/fake-agent.js';
import { overAnyLine } from './over-any-line.js';

type Sandbox = Parameters<typeof overAnyLine>[0];

/** A sandbox of which only its line is of interest. */
class Line {
  readonly ready = vi.fn<() => Promise<boolean>>(() => Promise.resolve(true));
  readonly listeners = new Set<() => void>();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked of it
  readonly sandbox = {
    ready: this.ready,
    onBack: (listener: () => void) => {
      this.listeners.add(listener);
      return () => this.listeners.delete(listener);
    },
  } as unknown as Sandbox;

  comeBack(): void {
    for (const tell of this.listeners) tell();
  }
}

const away = (): RuntimeError => new RuntimeError('engine_unavailable', 'away');

let line: Line;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  line = new Line();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('an attempt', () => {
  it('is made again with each new line until it is answered', async () => {
    const attempt = vi.fn(async () => 'answered');
    attempt.mockRejectedValueOnce(new ChannelLostError()).mockRejectedValueOnce(new ChannelLostError());

    await expect(overAnyLine(line.sandbox, undefined, attempt)).resolves.toBe('answered');
    expect(attempt).toHaveBeenCalledTimes(3);
    expect(line.listeners.size).toBe(0);
  });

  it.each([new AgentError('internal', 'broken'), new AgentSilentError(1), new TypeError('a bug')])(
    'is over when it fails by %s',
    async (error) => {
      const attempt = vi.fn<() => Promise<string>>().mockRejectedValue(error);

      await expect(overAnyLine(line.sandbox, undefined, attempt)).rejects.toBe(error);
      expect(attempt).toHaveBeenCalledTimes(1);
    },
  );

  it('is made again a little later by an agent that is busy', async () => {
    const attempt = vi.fn(async () => 'answered');
    attempt.mockRejectedValueOnce(new AgentError('busy', 'too much'));
    const over = overAnyLine(line.sandbox, undefined, attempt);
    await arrived();
    expect(attempt).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(100);

    await expect(over).resolves.toBe('answered');
  });

  it('is not made where the sandbox is gone', async () => {
    line.ready.mockResolvedValue(false);
    const attempt = vi.fn();

    await expect(overAnyLine(line.sandbox, undefined, attempt)).resolves.toBeUndefined();
    expect(attempt).not.toHaveBeenCalled();
  });

  it('is not made again when the caller has gone meanwhile', async () => {
    const caller = new AbortController();
    const attempt = vi.fn(() => {
      caller.abort();
      return Promise.reject(new ChannelLostError());
    });

    await expect(overAnyLine(line.sandbox, caller.signal, attempt)).rejects.toBeInstanceOf(ChannelLostError);
    expect(attempt).toHaveBeenCalledTimes(1);
  });
});

describe('while the sandbox cannot be reached', () => {
  it.each([away(), new RuntimeError('sandbox_paused', 'paused')])(
    'nothing is asked until it is back: %s',
    async (why) => {
      line.ready.mockRejectedValueOnce(why);
      const over = overAnyLine(line.sandbox, undefined, async () => 'answered');
      expect(await isPending(over)).toBe(true);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(line.ready).toHaveBeenCalledTimes(1);
      line.comeBack();

      await expect(over).resolves.toBe('answered');
      expect(line.listeners.size).toBe(0);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('a return in the very moment of the question is not missed', async () => {
    line.ready.mockImplementationOnce(() => {
      line.comeBack();
      return Promise.reject(away());
    });

    await expect(overAnyLine(line.sandbox, undefined, async () => 'answered')).resolves.toBe('answered');
  });

  it('it is asked once in a while, for an engine that is there may refuse the line without an event', async () => {
    line.ready.mockRejectedValueOnce(away()).mockRejectedValueOnce(away());
    const over = overAnyLine(line.sandbox, undefined, async () => 'answered');
    await arrived();
    await vi.advanceTimersByTimeAsync(10_000);

    await expect(over).resolves.toBe('answered');
  });

  it('the caller may go', async () => {
    line.ready.mockRejectedValue(away());
    const caller = new AbortController();
    const over = overAnyLine(line.sandbox, caller.signal, async () => 'answered');
    expect(await isPending(over)).toBe(true);
    caller.abort(new Error('gone'));

    await expect(over).rejects.toThrow('gone');
    expect(line.listeners.size).toBe(0);
  });

  it('any other refusal is passed on', async () => {
    line.ready.mockRejectedValue(new ChannelLostError());

    await expect(overAnyLine(line.sandbox, undefined, async () => 'answered')).rejects.toBeInstanceOf(ChannelLostError);
  });
});
