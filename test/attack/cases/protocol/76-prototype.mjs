import { exchange } from '../../exchange.mjs';

export const number = 76;
export const title = 'keys that reach the prototype';
export const tries = 'sends __proto__, constructor and prototype as keys of requests, params, env, labels and commands';
export const mustHappen = 'they are refused, or are names like any other; nothing that comes later is changed by them';
export const why = 'one object that is merged carelessly changes every object of the server';

const KEYS = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'then'];

export async function run(ctx) {
  const { sessionId } = ctx.session;
  const poison = '{"success":true,"polluted":"yes","sessionId":"x","isAdmin":true}';
  const frames = KEYS.flatMap((key) => [
    `{"jsonrpc":"2.0","id":1,"method":"session.list","${key}":${poison}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.list","params":{"${key}":${poison}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.list","params":{"labels":{"${key}":${poison}}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"${key}","params":{}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.execute","params":{"sessionId":"${sessionId}","command":{"type":"${key}"}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.execute","params":{"sessionId":"${sessionId}","command":{"type":"execute_shell","commandName":"true","env":{"${key}":${poison}}}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.execute","params":{"sessionId":"${key}","command":{"type":"stat_file","path":"x"}}}`,
    `{"jsonrpc":"2.0","id":1,"method":"session.create","params":{"language":"${key}"}}`,
  ]);
  await ctx.keepUp(async () => {
    for (const frame of frames) {
      const { answer } = await exchange(ctx.server, frame);
      ctx.expect(answer !== undefined, `no answer to ${frame}`);
      ctx.expect(answer.error?.data?.reason !== 'internal_error', `the server broke at ${frame}`);
      ctx.expect(!JSON.stringify(answer.result ?? '').includes('polluted'), `an answer is polluted: ${frame}`);
    }
  });
  const environment = ctx.expectDone(await ctx.session.sh('env'));
  ctx.expect(!/polluted|isAdmin/.test(environment), 'a later command is polluted');
  await ctx.expectAlive();
  ctx.held(`${frames.length} requests, none changed another`);
}
