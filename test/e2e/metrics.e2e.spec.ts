import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { EngineProxy } from '../support/engine-proxy.js';
import { eventually } from '../support/eventually.js';
import { useServerProcess } from '../support/server-process.js';

type Values = Record<string, number>;

/** Every sample by its name and labels, and the types by name. */
function read(text: string): { values: Values; types: Record<string, string> } {
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const values = samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);
  return { values: Object.fromEntries(values), types: Object.fromEntries(types) };
}

describe('whoever collects metrics', () => {
  const engine = new EngineProxy();
  beforeAll(() => engine.restore());
  afterAll(() => engine.cut());

  describe('of a server', () => {
    const server = useServerProcess({ DOCKER_HOST: engine.dockerHost, POOL_SIZE: '1', POOL_INTERPRETERS: '' });
    const metrics = async (): Promise<ReturnType<typeof read>> => {
      return read(await (await fetch(`${server.url}/metrics`)).text());
    };

    it('gets Prometheus text, by GET and HEAD alone', async () => {
      const reply = await fetch(`${server.url}/metrics`);
      expect(reply.status).toBe(200);
      expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      const { types, values } = read(await reply.text());
      expect(types).toMatchObject({
        process_cpu_seconds_total: 'counter',
        process_resident_memory_bytes: 'gauge',
        nodejs_eventloop_lag_seconds: 'gauge',
        codebeaker_sessions: 'gauge',
        codebeaker_session_create_duration_seconds: 'histogram',
        codebeaker_commands_total: 'counter',
      });
      expect(values['codebeaker_engine_up']).toBe(1);
      expect((await fetch(`${server.url}/metrics`, { method: 'HEAD' })).status).toBe(200);
      const other = await fetch(`${server.url}/metrics`, { method: 'POST' });
      expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    });

    it('is not a page of another origin', async () => {
      const headers = { origin: 'https://elsewhere.example' };
      expect((await fetch(`${server.url}/metrics`, { headers })).status).toBe(403);
    });

    it('sees sessions by their state, how they were made, and how commands ended', async () => {
      const before = (await metrics()).values;
      const session = await server.session();
      const made = (source: string): string => `codebeaker_session_create_duration_seconds_count{source="${source}"}`;
      const cold = (await metrics()).values;
      expect((cold[made('engine')] ?? 0) - (before[made('engine')] ?? 0)).toBe(1);
      expect((cold['codebeaker_pool_misses_total'] ?? 0) - (before['codebeaker_pool_misses_total'] ?? 0)).toBe(1);
      expect(cold['codebeaker_sessions{state="idle"}']).toBe(1);

      await eventually(metrics, ({ values }) => values['codebeaker_pool_idle'] === 1, 'one is ready');
      const second = await server.session();
      const warm = (await metrics()).values;
      expect(warm[made('pool')]).toBe(1);
      expect(warm['codebeaker_pool_hits_total']).toBe(1);
      expect(warm['codebeaker_pool_hit_age_seconds_count']).toBe(1);

      const running = session.stream('execute_shell', { commandName: 'sleep', args: ['3600'], timeoutMs: 60_000 });
      await eventually(metrics, ({ values }) => values['codebeaker_sessions{state="active"}'] === 1, 'one is active');
      await session.ok('write_file', { path: 'a', content: '' });
      await session.do('read_file', { path: 'nowhere' });
      await session.do('list_files', {});
      await session.run('sh', ['-c', 'exit 3']);
      await session.run('sleep', ['60'], { timeoutMs: 50 });
      await second.close();
      await session.close();
      await Promise.allSettled([running.result]);
      const { values } = await metrics();
      const ended = (type: string, end: string): number =>
        values[`codebeaker_commands_total{type="${type}",end="${end}"}`] ?? 0;
      expect({
        written: ended('write_file', 'ok'),
        unread: ended('read_file', 'not_found'),
        listed: ended('list_directory', 'ok'),
        exited: ended('execute_shell', 'exited'),
        timedOut: ended('execute_shell', 'timed_out'),
        killed: ended('execute_shell', 'killed') + ended('execute_shell', 'session_ended'),
      }).toEqual({ written: 1, unread: 1, listed: 1, exited: 1, timedOut: 1, killed: 1 });
      expect(values['codebeaker_sessions{state="idle"}']).toBe(0);
      expect(JSON.stringify(values)).not.toContain(session.id);
    });

    it('sees when no session can be made, and whether the engine answers', async () => {
      await engine.cut();
      await server.client.refusal('session.create', { language: 'go' });
      const { values } = await metrics();
      await engine.restore();
      expect(values['codebeaker_engine_up']).toBe(0);
      expect(values['codebeaker_session_create_failures_total{reason="engine_unavailable"}']).toBe(1);
      await eventually(metrics, (seen) => seen.values['codebeaker_engine_up'] === 1, 'the engine answers');
    });
  });
});
