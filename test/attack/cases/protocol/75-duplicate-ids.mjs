import { once } from 'node:events';
import { WebSocket } from 'ws';

const TIMES = 40;

export const number = 75;
export const title = 'ids that are used twice';
export const tries = 'sends commands under an id that runs, in one connection, in a batch, and in another connection';
export const mustHappen =
  'the second is refused, the first is undisturbed, and other connections have ids of their own';
export const why = 'two calls under one name: the answer, or the cancellation, of one reaches the other';

export async function run(ctx) {
  await ctx.keepUp(() => attack(ctx));
  await ctx.expectAlive();
  ctx.held(`${TIMES} under one id: one answered, the others refused; another connection's not disturbed`);
}

async function attack(ctx) {
  const command = { type: 'execute_shell', commandName: 'sh', args: ['-c', 'sleep 0.3; echo first'] };
  const other = ctx.session.begin(command);
  const socket = new WebSocket(ctx.server.url);
  await once(socket, 'open');
  try {
    const answers = [];
    const all = new Promise((resolve, reject) => {
      socket.once('close', () => reject(new Error('the server closed the connection')));
      socket.on('message', (data) => {
        answers.push(JSON.parse(Buffer.from(data).toString()));
        if (answers.length === TIMES) resolve();
      });
    });
    const params = { sessionId: ctx.session.sessionId, command };
    for (let time = 0; time < TIMES; time++) {
      socket.send(JSON.stringify({ jsonrpc: '2.0', id: other.id, method: 'session.execute', params }));
    }
    await all;
    const done = answers.filter(({ result }) => result?.result?.stdout === 'first\n');
    ctx.expect(done.length === 1, `${done.length} of ${TIMES} under one id were done`);
    ctx.expect(answers.filter(({ error }) => error).length === TIMES - 1, 'the others were not refused');
    ctx.expectDone(await other.result, "another connection's command of the same id");
  } finally {
    socket.terminate();
  }
}
