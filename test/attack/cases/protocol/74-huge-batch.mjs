import { exchange } from '../../exchange.mjs';

export const number = 74;
export const title = 'huge batch';
export const tries = 'sends batches of 20,000 requests, of batches, and of as many commands as are allowed';
export const mustHappen =
  'too large ones are refused as a whole with one error, allowed ones answered whole or refused';
export const why = 'one small frame that asks for much is an amplifier';

const call = (id) => ({ jsonrpc: '2.0', id, method: 'session.list' });

export async function run(ctx) {
  const huge = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => call(id)));
  const nested = JSON.stringify(Array.from({ length: 50 }, () => [call(1)]));
  await ctx.keepUp(async () => {
    const { answer } = await exchange(ctx.server, huge);
    ctx.expect(answer?.error !== undefined, `a batch of 20,000 got ${JSON.stringify(answer).slice(0, 200)}`);
    const inner = (await exchange(ctx.server, nested)).answer;
    ctx.expect(
      inner?.error !== undefined || inner?.every(({ error }) => error !== undefined),
      `batches in a batch got ${JSON.stringify(inner).slice(0, 200)}`,
    );
    const commands = Array.from({ length: 100 }, (_, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'session.execute',
      params: { sessionId: ctx.session.sessionId, command: { type: 'execute_shell', commandName: 'true' } },
    }));
    const all = (await exchange(ctx.server, JSON.stringify(commands))).answer;
    ctx.expect(Array.isArray(all) && all.length === 100, `100 commands got ${JSON.stringify(all)?.slice(0, 200)}`);
    ctx.expect(new Set(all.map(({ id }) => id)).size === 100, 'not each request was answered once');
  });
  await ctx.expectAlive();
  ctx.held('refused with one error; 100 commands at once were answered each');
}
