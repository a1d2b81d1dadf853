import { Logger } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';

import type { ProcessInfo } from '#libs/runtime';
import type { Session } from '#libs/sessions';

import { arrived, type FakeAgent, processEnd } from '../../runtime/src/testing/fake-agent.js';
import type { BackgroundProcess } from './background-process.js';
import type { ProcessSink } from './process-reader.js';
import { FakeServer } from './testing/server.js';

Logger.overrideLogger(false);

const DEAF: ProcessSink = { output: () => undefined, exited: () => undefined, failed: () => undefined };

let server: FakeServer;
let session: Session;
let agent: FakeAgent;

beforeEach(async () => {
  server = new FakeServer();
  ({ session, agent } = await server.session());
});

async function start(): Promise<BackgroundProcess> {
  const process = await server.processes.start(session, { args: ['cat'], stdin: 'open' });
  await arrived();
  return process;
}

const told = (): unknown[] =>
  server.told.map(({ event, details }) => ['endReason' in details ? details.endReason : '', event]);

describe('a process that is started', () => {
  it('has the environment of its session and the image, and its own', async () => {
    const pty = { cols: 80, rows: 24, term: 'vt100' };
    const process = await server.processes.start(session, {
      args: ['sh', '-i'],
      stdin: 'open',
      pty,
      env: { OWN: 'x' },
      workingDirectory: 'below',
      timeoutMs: 5,
    });

    const { head } = agent.requests('start')[0]!;
    expect(head).toMatchObject({
      processId: process.id,
      args: ['sh', '-i'],
      cwd: '/workspace/below',
      stdin: 'open',
      pty: { cols: 80, rows: 24 },
      timeoutMs: 5,
      env: { FROM_IMAGE: 'yes', OWN: 'x', TERM: 'vt100' },
    });
    expect(process.id).toMatch(/^p_[\w-]{16}$/);
    expect(server.processes.find(process.id)).toBe(process);
  });

  it('keeps its session Active until it has ended, and both are told', async () => {
    const process = await start();
    expect(session.state).toBe('Active');
    expect(told()).toEqual([['', 'process.started']]);
    agent.requests('wait')[0]?.respond(processEnd({ exitCode: 3 }));

    await expect(process.ended()).resolves.toMatchObject({ exitCode: 3 });
    expect(session.state).toBe('Idle');
    expect(server.told[1]).toMatchObject({
      sessionId: session.id,
      details: { processId: process.id, endReason: 'exited', exitCode: 3, signal: null },
    });
  });

  it('and cannot be has ended by that, and is nobody’s news', async () => {
    agent.on('start', (exchange) => exchange.refuse('spawn_failed', 'none', { kind: 'not_found', errno: 'ENOENT' }));
    const process = await start();

    expect(process.end).toMatchObject({ endReason: 'spawn_failed', kind: 'not_found', errno: 'ENOENT' });
    expect(session.state).toBe('Idle');
    expect(told()).toEqual([]);
    expect(await server.processes.span(process)).toEqual({ state: 'ended', firstSeq: 0, nextSeq: 0 });
  });

  it('where the engine is away was not, and nothing is left of the try', async () => {
    server.engine.isAway = true;
    agent.breakLine();

    await expect(start()).rejects.toMatchObject({ kind: 'engine_unavailable' });
    expect(session.state).toBe('Idle');
    expect(agent.requests('start')).toEqual([]);
  });

  it('is refused beyond so many, until one has ended', async () => {
    for (let count = 0; count < 64; count++) await start();
    await expect(start()).rejects.toMatchObject({ reason: 'quota_exceeded', data: { quota: 'processes', limit: 64 } });
    agent.requests('wait')[0]?.respond(processEnd());
    await arrived();

    await expect(start()).resolves.toBeDefined();
  });

  it('is killed with its session', async () => {
    const process = await start();
    agent.on('kill', (exchange) => {
      exchange.respond({ killed: 1 });
      agent.requests('wait')[0]?.respond(processEnd({ endReason: 'killed', exitCode: null, signal: 'SIGKILL' }));
    });
    await server.sessions.close(session.id);

    await expect(process.ended()).resolves.toMatchObject({ endReason: 'killed' });
    expect(() => server.processes.find(process.id)).toThrow(expect.objectContaining({ reason: 'process_not_found' }));
  });

  it('goes with a container that is lost', async () => {
    const process = await start();
    server.engine.lose(session.sandbox.id, 'out_of_memory');

    await expect(process.ended()).resolves.toMatchObject({ endReason: 'out_of_memory', exitCode: null });
  });
});

describe('the end of a process', () => {
  it('is asked for again after a break of the line, and when the agent is busy', async () => {
    const process = await start();
    agent.on('wait', (exchange) => {
      if (agent.requests('wait').length === 2) exchange.refuse('busy', 'too much');
      else exchange.respond(processEnd({ exitCode: 4 }));
    });
    agent.breakLine();

    await expect(process.ended()).resolves.toMatchObject({ exitCode: 4 });
    expect(told()).toEqual([
      ['', 'process.started'],
      ['exited', 'process.exited'],
    ]);
  });

  it.each([
    ['process_not_found', { reason: 'process_not_found' }],
    ['internal', { code: 'internal' }],
  ])('that cannot be learned, for %s, is told as unknown and holds nothing up', async (code, why) => {
    agent.on('wait', (exchange) => exchange.refuse(code, 'no'));
    const process = await start();

    await expect(process.ended()).rejects.toMatchObject(why);
    expect(session.state).toBe('Idle');
    expect(told()[1]).toEqual([null, 'process.exited']);
    expect(() => server.processes.find(process.id)).toThrow(expect.objectContaining({ reason: 'process_not_found' }));
  });
});

describe('readers', () => {
  it('are refused beyond so many, but for one that takes the place of another', async () => {
    const process = await start();
    const readers = Array.from({ length: 96 }, () => server.processes.attach(process, 0, DEAF));
    const quota = expect.objectContaining({ reason: 'quota_exceeded', data: { quota: 'readers', limit: 96 } });
    expect(() => server.processes.attach(process, 0, DEAF)).toThrow(quota);

    const [former] = readers;
    const successor = server.processes.attach(process, 0, DEAF, former);
    former?.stop();
    await former?.run();
    expect(() => server.processes.attach(process, 0, DEAF)).toThrow(quota);
    successor.stop();
    await successor.run();
    expect(server.processes.attach(process, 0, DEAF)).toBeDefined();
  });

  it('that have ended have no place to give', async () => {
    const process = await start();
    const [former] = Array.from({ length: 96 }, () => server.processes.attach(process, 0, DEAF));
    former?.stop();
    await former?.run();
    server.processes.attach(process, 0, DEAF);

    expect(() => server.processes.attach(process, 0, DEAF, former)).toThrow(
      expect.objectContaining({ reason: 'quota_exceeded' }),
    );
  });
});

describe('a server that starts again', () => {
  it('finds what runs and what has ended, tells of the ends, and knows no run of a command', async () => {
    const infos = [info('p_runs'), info('p_ended', { end: processEnd({ exitCode: 5 }) }), info('r_1', { kind: 'run' })];
    agent.on('info', (exchange) => exchange.respond({ processes: infos }, agent.claim));
    // A sandbox is only taken up by a server that is younger.
    const container = server.engine.containers.get(session.sandbox.id);
    container!.createdAt = new Date(Date.now() - 1_000);
    const next = new FakeServer(server.engine);
    await next.sessions.onApplicationBootstrap();

    const adopted = next.sessions.find(session.id);
    expect(adopted.state).toBe('Active');
    expect(next.told.map(({ details }) => details)).toMatchObject([{ processId: 'p_ended', exitCode: 5 }]);
    expect(next.processes.find('p_ended').end).toMatchObject({ exitCode: 5 });
    expect(() => next.processes.find('r_1')).toThrow();
    await arrived();
    agent
      .requests('wait')
      .at(-1)
      ?.respond(processEnd({ exitCode: 6 }));
    await expect(next.processes.find('p_runs').ended()).resolves.toMatchObject({ exitCode: 6 });
    expect(next.told.map(({ event }) => event)).toEqual(['process.exited', 'process.exited']);
    expect(adopted.state).toBe('Idle');
  });
});

function info(processId: string, changes: Partial<ProcessInfo> = {}): ProcessInfo {
  return {
    processId,
    pid: 7,
    args: ['cat'],
    state: changes.end ? 'ended' : 'running',
    startedAt: new Date().toISOString(),
    kind: 'start',
    pty: false,
    firstSeq: 0,
    nextSeq: 0,
    end: null,
    ...changes,
  };
}
