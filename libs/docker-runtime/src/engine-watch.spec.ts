import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { Engine } from './engine.js';
import { type ContainerEvent, EngineWatch } from './engine-watch.js';

/** An engine whose event streams a test opens, fills and breaks. */
class EventEngine {
  readonly filters: Record<string, string[]>[] = [];
  readonly streams: PassThrough[] = [];
  isAway = false;

  events(filters: Record<string, string[]>): Promise<NodeJS.ReadableStream> {
    this.filters.push(filters);
    if (this.isAway) return Promise.reject(new Error('away'));
    const stream = new PassThrough();
    this.streams.push(stream);
    return Promise.resolve(stream);
  }
}

function event(id: string, action: string, attributes?: Record<string, string>): string {
  return `${JSON.stringify({ Action: action, Actor: { ID: id, ...(attributes ? { Attributes: attributes } : {}) } })}\n`;
}

describe('EngineWatch', () => {
  let engine: EventEngine;
  let watch: EngineWatch;
  let seen: ContainerEvent[];
  let ups: number;

  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    engine = new EventEngine();
    watch = new EngineWatch(engine as unknown as Engine, 'server-1');
    seen = [];
    ups = 0;
    watch.on('container', (each) => seen.push(each));
    watch.on('up', () => ups++);
  });

  afterEach(() => {
    watch.close();
    vi.useRealTimers();
  });

  const started = async (): Promise<PassThrough> => {
    watch.start();
    await vi.waitFor(() => expect(engine.streams).toHaveLength(1));
    return engine.streams[0] as PassThrough;
  };

  it('asks for the events of its own containers alone', async () => {
    await started();

    expect(engine.filters).toEqual([
      {
        type: ['container'],
        label: ['codebeaker=server-1'],
        event: ['kill', 'die', 'oom', 'pause', 'unpause', 'destroy'],
      },
    ]);
  });

  it('tells events wherever their lines are split, with what they say', async () => {
    const stream = await started();
    const text = event('c1', 'die', { exitCode: '137' }) + event('c2', 'oom');
    for (const character of text) stream.write(character);
    await vi.waitFor(() => expect(seen).toHaveLength(2));

    expect(seen).toEqual([
      { id: 'c1', action: 'die', attributes: { exitCode: '137' } },
      { id: 'c2', action: 'oom', attributes: {} },
    ]);
  });

  it('passes over empty lines and events of nobody', async () => {
    const stream = await started();
    stream.write(`\n \n{"Action":"die"}\n{"Actor":{"ID":"c1"}}\n${event('c2', 'die')}`);
    await vi.waitFor(() => expect(seen).toHaveLength(1));

    expect(seen[0]?.id).toBe('c2');
  });

  it('says that the engine is up each time when it can be followed again', async () => {
    const stream = await started();
    await vi.waitFor(() => expect(ups).toBe(1));
    stream.end();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    await vi.advanceTimersByTimeAsync(100);
    await vi.waitFor(() => expect(ups).toBe(2));

    engine.streams[1]?.write(event('c9', 'die'));
    await vi.waitFor(() => expect(seen.map(({ id }) => id)).toEqual(['c9']));
  });

  it('asks an engine that is away ever more seldom, but never gives up', async () => {
    engine.isAway = true;
    watch.start();
    await vi.advanceTimersByTimeAsync(0);
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      const asked = engine.filters.length;
      let waited = 0;
      while (engine.filters.length === asked) {
        await vi.advanceTimersByTimeAsync(100);
        waited += 100;
      }
      waits.push(waited);
    }

    expect(waits).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    expect(ups).toBe(0);
  });

  it('follows again after a line that is not JSON', async () => {
    const stream = await started();
    stream.write('{"half\n');
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    await vi.advanceTimersByTimeAsync(100);

    expect(engine.streams).toHaveLength(2);
    expect(stream.destroyed).toBe(true);
  });

  it('stops when it is closed, and leaves nothing behind', async () => {
    const stream = await started();
    watch.close();
    await vi.waitFor(() => expect(stream.destroyed).toBe(true));
    await vi.advanceTimersByTimeAsync(10_000);

    expect(engine.streams).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('stops when it is closed while it waits for the engine', async () => {
    engine.isAway = true;
    watch.start();
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    watch.close();
    await vi.advanceTimersByTimeAsync(10_000);

    expect(engine.filters).toHaveLength(1);
  });

  it('lets go of a stream that comes after it was closed', async () => {
    watch.start();
    watch.close();
    await vi.waitFor(() => expect(engine.streams[0]?.destroyed).toBe(true));

    expect(ups).toBe(0);
  });
});
