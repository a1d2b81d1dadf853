import { describe, expect, it } from 'vitest';

import type { OutputChunk } from '#libs/runtime';

import { processEnd } from '../../runtime/src/testing/fake-agent.js';
import { Cell, CellOutput } from './cell.js';

const chunk = (text: string): OutputChunk => ({ stream: 'stdout', seq: 40, offset: 7, data: Buffer.from(text) });
const done = { kind: 'done', id: 1, count: 3, error: null } as const;

describe('Cell', () => {
  it('gathers output and results until it is done', async () => {
    const cell = new Cell(1, new CellOutput(5), undefined);
    void cell.take(chunk('abc'));
    cell.hear({ kind: 'result', id: 1, result: { 'text/plain': '2' }, truncated: false }, 20);
    void cell.take(chunk('def'));
    cell.hear(done, 10);

    expect(await cell.ended).toMatchObject({
      results: [{ 'text/plain': '2' }],
      stdout: 'abcde',
      stdoutBytes: 6,
      truncated: true,
      endReason: 'exited',
      executionCount: 3,
      contextEnded: false,
    });
  });

  it('counts its own chunks, and begins with what was written before it', async () => {
    const output = new CellOutput(100);
    output.stdout.add(Buffer.from('before '));
    const told: [number, string][] = [];
    const cell = new Cell(1, output, ({ seq, data }) => void told.push([seq, data.toString()]));
    await cell.take(chunk('after'));
    cell.hear(done, 10);

    expect(told).toEqual([
      [0, 'before '],
      [1, 'after'],
    ]);
    expect((await cell.ended).stdout).toBe('before after');
  });

  it('ends for the reason of its stop where it fails after that, by whatever error', async () => {
    const cell = new Cell(1, new CellOutput(5), undefined);
    const error = { name: 'Error', message: 'Command failed: sleep 100', traceback: '' };
    cell.stop('timed_out');
    cell.hear({ ...done, error }, 1);

    expect(await cell.ended).toMatchObject({ endReason: 'timed_out', error });
  });

  it('ends for the first reason that it was stopped for, whatever its code made of that', async () => {
    const [stopped, own] = [1, 2].map((id) => new Cell(id, new CellOutput(5), undefined));
    stopped?.stop('timed_out');
    stopped?.stop('cancelled');
    stopped?.hear(done, 1);
    own?.hear(done, 1);

    const reasons = await Promise.all([stopped, own].map(async (cell) => (await cell?.ended)?.endReason));
    expect(reasons).toEqual(['timed_out', 'exited']);
  });

  it.each([
    ['timed_out', processEnd({ endReason: 'killed', exitCode: null, signal: 'SIGKILL' }), 'timed_out'],
    ['timed_out', processEnd({ endReason: 'out_of_memory', exitCode: null, signal: 'SIGKILL' }), 'out_of_memory'],
    [undefined, processEnd({ endReason: 'killed', exitCode: null, signal: 'SIGKILL' }), 'killed'],
    [undefined, processEnd({ exitCode: 3 }), 'exited'],
  ] as const)('stopped by %s, with its interpreter (%#), ends truly', async (stop, end, endReason) => {
    const cell = new Cell(1, new CellOutput(5), undefined);
    if (stop) cell.stop(stop);
    cell.interpreterEnded(end, 2);

    expect(await cell.ended).toMatchObject({ endReason, contextEnded: true, error: { name: 'InterpreterEnded' } });
  });

  it('lets the program wait for a slow client, but not for ever', async () => {
    const cell = new Cell(1, new CellOutput(5), () => new Promise(() => undefined));
    let isFree = false;
    const held = Promise.resolve(cell.take(chunk('a'))).then(() => (isFree = true));
    await Promise.resolve();
    expect(isFree).toBe(false);

    cell.letGo();
    await held;
  });
});
