import { exchange } from '../../exchange.mjs';

const DEPTH = 1_000_000;

export const number = 73;
export const title = 'deep and swollen JSON';
export const tries =
  'sends arrays and objects nested a million times, a million tiny values, endless numbers and strings';
export const mustHappen = 'each is refused with an error, and the server goes on';
export const why = 'a parser that calls itself ends at the end of its stack, and the server with it';

const request = (value) => `{"jsonrpc":"2.0","id":1,"method":"session.list","params":{"labels":${value}}}`;
const FRAMES = [
  '['.repeat(DEPTH) + ']'.repeat(DEPTH),
  '['.repeat(DEPTH),
  request('{"a":'.repeat(DEPTH) + '1' + '}'.repeat(DEPTH)),
  request(`[${'0,'.repeat(DEPTH)}0]`),
  request(`{${Array.from({ length: 150_000 }, (_, index) => `"k${index}":0`).join(',')}}`),
  request('1'.repeat(DEPTH)),
  request(`1e${'9'.repeat(DEPTH)}`),
  request(`"${'\\u0000'.repeat(DEPTH)}"`),
  `{"jsonrpc":"2.0","id":${'['.repeat(60)}1${']'.repeat(60)},"method":"session.list"}`,
];

export async function run(ctx) {
  await ctx.keepUp(async () => {
    for (const [index, frame] of FRAMES.entries()) {
      const { answer, closed } = await exchange(ctx.server, frame);
      ctx.expect(answer?.error !== undefined || closed !== undefined, `frame ${index} got ${JSON.stringify(answer)}`);
      ctx.expect(answer?.error?.data?.reason !== 'internal_error', `frame ${index} broke the server`);
    }
  });
  await ctx.expectAlive();
  ctx.held(`${FRAMES.length} frames, each refused`);
}
