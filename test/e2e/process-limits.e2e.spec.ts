import { beforeAll, describe, expect, it } from 'vitest';

import { useServer } from '../support/server-under-test.js';
import type { TestSession } from '../support/test-session.js';
import { WatchedProcess } from '../support/watched-process.js';

const OUTPUT_LIMIT_BYTES = 400_000;
const MAX_TIMEOUT_MS = 60_000;

const server = useServer({
  OUTPUT_LIMIT_BYTES: String(OUTPUT_LIMIT_BYTES),
  MAX_TIMEOUT_MS: String(MAX_TIMEOUT_MS),
});
let session: TestSession;

beforeAll(async () => {
  session = await server.session();
});

const sh = (script: string, more: object = {}): Promise<WatchedProcess> =>
  WatchedProcess.start(server.client, session.id, 'sh', ['-c', script], more);

/** Every byte that this connection was told of, had or missed. */
function toldBytes(process: WatchedProcess): number {
  return process.bytes('stdout').length + process.bytes('stderr').length + process.droppedBytes;
}

describe('what a background process may ask for', () => {
  it.each([
    { quota: 'outputLimitBytes', limit: OUTPUT_LIMIT_BYTES },
    { quota: 'timeoutMs', limit: MAX_TIMEOUT_MS },
  ])('is bounded as a command is: $quota', async ({ quota, limit }) => {
    const program = { sessionId: session.id, commandName: 'true', [quota]: limit + 1 };
    const command = { type: 'execute_shell', commandName: 'true', [quota]: limit + 1 };
    const started = async (): Promise<string[]> => {
      const { processes } = await server.client.call('process.list', { sessionId: session.id });
      return processes.map(({ processId }: { processId: string }) => processId);
    };
    const before = await started();

    const refusal = await server.client.refusal('process.start', program);

    expect(refusal).toMatchObject({ code: -32006, data: { reason: 'quota_exceeded', quota, limit } });
    expect(refusal).toEqual(await server.client.refusal('session.execute', { sessionId: session.id, command }));
    expect(await started()).toEqual(before);
    await expect(server.client.call('process.start', { ...program, [quota]: limit })).resolves.toMatchObject({
      sessionId: session.id,
    });
  });

  it('is the server’s bound of output where it asks for nothing', async () => {
    const process = await sh('exec yes');

    const { endReason, signal, error, limitsHit, stdoutBytes } = await process.exited();

    expect({ endReason, signal, limitsHit }).toEqual({
      endReason: 'output_limit',
      signal: 'SIGKILL',
      limitsHit: ['output'],
    });
    expect(error).toBe(
      `The program wrote ${stdoutBytes} bytes of output, more than its limit of ${OUTPUT_LIMIT_BYTES}, and was killed.`,
    );
  });
});

describe('output over the limit', () => {
  it.each([
    ['of a program that goes on', 'exec yes'],
    ['of one that has ended by then', 'head -c 1500 /dev/zero'],
    ['of both streams', 'head -c 700 /dev/zero; head -c 700 /dev/zero >&2; exec yes'],
  ])('is told to the byte to every reader: %s', async (_name, script) => {
    const live = await sh(script, { outputLimitBytes: 1000 });
    const end = await live.exited();
    const late = new WatchedProcess(await server.api.connect(), live.id);
    await late.call('attach');

    expect(await late.exited()).toEqual(end);
    expect(end).toMatchObject({ endReason: 'output_limit', truncated: true });
    expect(toldBytes(live)).toBe(end.stdoutBytes + end.stderrBytes);
    expect(toldBytes(late)).toBe(end.stdoutBytes + end.stderrBytes);
    expect(end.error).toContain('more than its limit of 1000');
    expect(end.error.includes('was killed')).toBe(end.signal === 'SIGKILL');
  });

  it('and what the ring has dropped come to what was written', async () => {
    const process = await sh('head -c 300000 /dev/zero; exec yes', { attach: false, outputLimitBytes: 390_000 });
    const end = await process.call('wait');
    await process.call('attach');
    await process.exited();

    expect(end.endReason).toBe('output_limit');
    expect(toldBytes(process)).toBe(end.stdoutBytes + end.stderrBytes);
  });

  it('of a command that ended by itself is not said to have been killed', async () => {
    const { errorCode, error, result } = await session.run('head', ['-c', '1500', '/dev/zero'], {
      outputLimitBytes: 1000,
    });

    expect(errorCode).toBe('output_limit');
    expect(error).toContain('wrote 1500 bytes of output, more than its limit of 1000');
    expect(error.includes('was killed')).toBe(result.signal === 'SIGKILL');
    expect((result.exitCode === null) !== (result.signal === null)).toBe(true);
  });
});
