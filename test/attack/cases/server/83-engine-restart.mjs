import process from 'node:process';

import { SecondEngine } from '../../../support/second-engine.mjs';
import { outcomeOf } from '../../answers.mjs';

const ANSWERED_WITHIN_MS = 60_000;
const SMALL = { language: 'python', memoryLimitMB: 64, diskLimitMB: 16 };

export const number = 83;
export const title = 'engine that is restarted';
export const tries = 'stops an engine of its own while files are written and sessions made, and starts it again';
export const mustHappen =
  'every call is answered: engine_unavailable while it is away, container_lost for what it had; then all is as before';
export const why = 'a server that waits for an engine waits for ever, or calls lost what is not';
export const session = null;

export async function run(ctx) {
  if (process.getuid() !== 0) ctx.notApplicable('an engine of its own needs root');
  // The smallest image that there is: what its agent does needs nothing else.
  const image = `codebeaker-agent:${process.env.IMAGE_TAG ?? 'latest'}`;
  const engine = new SecondEngine({ liveRestore: true });
  ctx.defer(() => engine.remove());
  await ctx.aside(() => engine.make([image]));
  const server = await ctx.ownServer({ DOCKER_HOST: engine.dockerHost, ALLOWED_IMAGES: image, LOG_LEVEL: 'silent' });
  const client = await ctx.connect(server);
  const create = () => outcomeOf(client.call('session.create', { ...SMALL, dockerImage: image }));
  const { result: lost } = await create();
  ctx.expect(lost, 'no session could be made');

  const waiting = writing(client, lost.sessionId);
  const making = Array.from({ length: 3 }, create);
  await engine.stop();
  const answers = await Promise.all([waiting, ...making, create(), create()]);
  for (const { result, reason } of answers) {
    const isKnown = ['engine_unavailable', 'session_ended'].includes(reason) || result?.success === false;
    ctx.expect(
      isKnown || result?.sessionId,
      `while the engine was away a call was answered ${reason ?? JSON.stringify(result)}`,
    );
  }
  ctx.expect(
    answers.slice(-2).every(({ reason }) => reason === 'engine_unavailable'),
    'an engine that is away was not missed',
  );

  await engine.start();
  await eventually(ctx, 'the lost session ends', async () => {
    const { reason, message } = await outcomeOf(client.call('session.get', { sessionId: lost.sessionId }));
    return reason === 'session_ended' && message.includes('container_lost');
  });
  let next;
  await eventually(ctx, 'a session can be made', async () => (next = (await create()).result) !== undefined);
  const write = { type: 'write_file', path: 'file', content: 'new' };
  const { success } = await client.call('session.execute', { sessionId: next.sessionId, command: write });
  ctx.expect(success, 'the next session does not work');
  await client.call('session.close', { sessionId: next.sessionId });
  await eventually(
    ctx,
    'nothing is left',
    async () => (await engine.docker.listContainers({ all: true })).length === 0,
  );
  ctx.held(`${answers.length} calls answered while it was away; lost what the engine had ended, works again`);
}

/** Writes a file again and again; answers what became of the first that was not written. */
async function writing(client, sessionId) {
  for (;;) {
    const command = { type: 'write_file', path: 'file', content: 'old' };
    const answer = await outcomeOf(client.call('session.execute', { sessionId, command }));
    if (answer.result?.success !== true) return answer;
  }
}

async function eventually(ctx, what, look) {
  const until = performance.now() + ANSWERED_WITHIN_MS;
  while (!(await look())) {
    ctx.expect(performance.now() < until, `it did not come that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
