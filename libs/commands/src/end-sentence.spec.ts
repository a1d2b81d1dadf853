import { describe, expect, it } from 'vitest';

import { END_REASONS } from '#libs/runtime';

import { endSentence, type ExplainedEnd } from './end-sentence.js';

const end = (part: Partial<ExplainedEnd>): ExplainedEnd => ({
  endReason: 'exited',
  exitCode: null,
  signal: null,
  stdoutBytes: 0,
  stderrBytes: 0,
  ...part,
});

const TABLE: [Partial<ExplainedEnd>, string][] = [
  [{ endReason: 'exited', exitCode: 3 }, 'The program exited with code 3.'],
  [
    { endReason: 'signaled', signal: 'SIGSEGV' },
    'The program was ended by SIGSEGV; no kill and no limit of time, CPU or output sent it.',
  ],
  [
    { endReason: 'timed_out', signal: 'SIGKILL', limit: 5000 },
    'The program did not end within 5000 ms and was killed.',
  ],
  [{ endReason: 'timed_out', signal: 'SIGKILL' }, 'The program did not end within its time and was killed.'],
  [
    { endReason: 'timed_out', signal: 'SIGKILL', limit: 5000, message: '2 of its processes could not be killed' },
    'The program did not end within 5000 ms and was killed. 2 of its processes could not be killed.',
  ],
  [
    { endReason: 'cpu_exceeded', signal: 'SIGKILL', limit: 700 },
    'The program used up the 700 ms of CPU time that it had and was killed.',
  ],
  [{ endReason: 'cpu_exceeded', signal: 'SIGKILL' }, 'The program used up its CPU time and was killed.'],
  [
    { endReason: 'output_limit', signal: 'SIGKILL', stdoutBytes: 900, stderrBytes: 101, limit: 1000 },
    'The program wrote 1001 bytes of output, more than its limit of 1000, and was killed.',
  ],
  [
    { endReason: 'output_limit', signal: 'SIGKILL', stdoutBytes: 1001 },
    'The program wrote 1001 bytes of output, more than its limit, and was killed.',
  ],
  [
    { endReason: 'output_limit', exitCode: 0, stdoutBytes: 1500, limit: 1000 },
    'The program wrote 1500 bytes of output, more than its limit of 1000, ' +
      'and had ended by itself, with exit code 0, before it could be killed.',
  ],
  [
    { endReason: 'output_limit', signal: 'SIGPIPE', stderrBytes: 1500, limit: 1000 },
    'The program wrote 1500 bytes of output, more than its limit of 1000, ' +
      'and had died of SIGPIPE before it could be killed.',
  ],
  [
    { endReason: 'out_of_memory', signal: 'SIGKILL' },
    'The program was killed by the kernel, because the session had no memory left.',
  ],
  [
    { endReason: 'out_of_memory', exitCode: 137 },
    'The program lost a process that the kernel killed, because the session had no memory left.',
  ],
  [{ endReason: 'out_of_memory' }, 'The program ended with its session, which had no memory left.'],
  [{ endReason: 'cancelled', signal: 'SIGKILL' }, 'The program was killed, because its request was cancelled.'],
  [{ endReason: 'killed', signal: 'SIGKILL' }, 'The program was killed: it was asked for, or its session ended.'],
  [{ endReason: 'container_lost' }, 'The program was lost: the container of its session ended while it ran.'],
  [{ endReason: 'spawn_failed', message: 'there is no program x' }, 'There is no program x.'],
  [{ endReason: 'spawn_failed' }, 'The program could not be started.'],
];

describe('the sentence about an end', () => {
  it.each(TABLE)('of %j', (part, said) => {
    expect(endSentence(end(part))).toBe(said);
  });

  it('is there for every reason', () => {
    expect(new Set(TABLE.map(([{ endReason }]) => endReason))).toEqual(new Set(END_REASONS));
  });

  it('says that a build ended where it was one', () => {
    expect(endSentence(end({ endReason: 'timed_out', limit: 10 }), 'build')).toMatch(/^The build did not end/);
  });

  it.each(TABLE)('claims a kill only beside the signal of one: %j', (part, said) => {
    if (/ (was|and was) killed/.test(said)) expect(part.signal).toBe('SIGKILL');
  });
});
