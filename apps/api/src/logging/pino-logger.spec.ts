import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Config } from '../config/config.js';
import { logContext } from './log-context.js';
import { PinoLogger } from './pino-logger.js';

describe('PinoLogger', () => {
  let written: Record<string, unknown>[];

  beforeEach(() => {
    written = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      for (const line of String(text).trim().split('\n')) written.push(JSON.parse(line) as Record<string, unknown>);
      return true;
    });
  });

  afterEach(() => {
    vi.restoreAllMocks();
  });

  const logger = (level = 'info'): Promise<PinoLogger> =>
    PinoLogger.create(Object.assign(new Config(), { logLevel: level, logPretty: false }));

  it('writes a line of JSON with the level, the time, the text and where it comes from', async () => {
    (await logger()).warn('be careful', 'Sessions');

    expect(written).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
        context: 'Sessions',
        message: 'be careful',
      },
    ]);
  });

  it('writes the fields of an object beside its message', async () => {
    (await logger()).log({ message: 'session ended', sessionId: 's_1', endReason: 'closed' }, 'Sessions');

    expect(written[0]).toMatchObject({
      message: 'session ended',
      sessionId: 's_1',
      endReason: 'closed',
      context: 'Sessions',
    });
  });

  it('writes an error with its stack and its cause', async () => {
    (await logger()).error(new Error('broke', { cause: new Error('the root') }), 'Engine');

    expect(written[0]).toMatchObject({ message: 'broke', context: 'Engine' });
    expect(JSON.stringify(written[0]?.['error'])).toMatch(/broke.*the root/s);
    expect(JSON.stringify(written[0]?.['error'])).toContain('pino-logger.spec.ts');
  });

  it('writes an error among the fields of an object too', async () => {
    (await logger()).error({ message: 'the engine refused', error: new Error('no space left') }, 'DockerRuntime');

    expect(written[0]?.['message']).toBe('the engine refused');
    expect(JSON.stringify(written[0]?.['error'])).toContain('no space left');
  });

  it('writes the stack that Nest gives apart', async () => {
    (await logger()).error('broke', 'Error: broke\n    at x', 'Rpc');

    expect(written[0]).toMatchObject({ message: 'broke', stack: 'Error: broke\n    at x', context: 'Rpc' });
  });

  it('writes the ids of the request that a line belongs to, and of no other', async () => {
    const tested = await logger();
    logContext.run({ connectionId: 'c', requestId: 7, method: 'session.get', sessionId: 's_1' }, () =>
      tested.log('within'),
    );
    tested.log('outside');

    expect(written[0]).toMatchObject({ connectionId: 'c', requestId: 7, method: 'session.get', sessionId: 's_1' });
    expect(written[1]).not.toHaveProperty('requestId');
  });

  it('does not repeat Nest’s list of modules and methods at every start, but keeps it for debugging', async () => {
    (await logger('info')).log('AppModule dependencies initialized', 'InstanceLoader');
    expect(written).toEqual([]);
    (await logger('debug')).log('AppModule dependencies initialized', 'InstanceLoader');

    expect(written).toMatchObject([{ level: 'debug', context: 'InstanceLoader' }]);
  });

  it('writes nothing below its level', async () => {
    const tested = await logger('warn');
    tested.log('a');
    tested.debug('b');
    tested.verbose('c');
    tested.error('d');
    tested.fatal('e');

    expect(written.map(({ message }) => message)).toEqual(['d', 'e']);
  });
});
