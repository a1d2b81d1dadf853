import { expect, it } from 'vitest';

import { AgentError, ChannelLostError } from '#libs/runtime';

import { refusalOf } from './refusals.js';

it.each([
  ['process_not_found', 'process_not_found'],
  ['process_ended', 'process_ended'],
  ['stdin_closed', 'stdin_closed'],
  ['not_a_pty', 'invalid_params'],
  ['unknown_signal', 'invalid_params'],
  ['bad_request', 'invalid_params'],
  ['cancelled', 'request_cancelled'],
])('the agent’s %s is %s to a client', (code, reason) => {
  expect(refusalOf(new AgentError(code, 'no'))).toMatchObject({ reason });
});

it.each([new AgentError('internal', 'broken'), new ChannelLostError(), new TypeError('a bug')])(
  'what nobody foresaw stays as it is: %s',
  (error) => {
    expect(refusalOf(error)).toBe(error);
  },
);
