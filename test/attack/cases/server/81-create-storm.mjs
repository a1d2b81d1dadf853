import { outcomeOf } from '../../answers.mjs';
import { docker } from '../../../soak/host.mjs';

const QUOTA = 3;
const AT_ONCE = 30;
const SMALL = { language: 'python', memoryLimitMB: 64, diskLimitMB: 16 };

export const number = 81;
export const title = 'more creates at once than the quota has room for';
export const tries = `asks a server that may have ${QUOTA} sessions for ${AT_ONCE} at once, from several clients`;
export const mustHappen = `${QUOTA} are made, the others refused as quota_exceeded, and no moment sees more containers`;
export const why = 'a quota that is looked at before and counted after lets everybody through who comes in between';
export const session = null;

export async function run(ctx) {
  const server = await ctx.ownServer({ MAX_SESSIONS: String(QUOTA), MAX_QUEUED_CREATES: '0' });
  const clients = await Promise.all([1, 2, 3].map(() => ctx.connect(server)));
  const watch = watchContainers(server.serverId);
  const storm = (times) =>
    Promise.all(
      Array.from({ length: times }, (_, index) =>
        outcomeOf(clients[index % clients.length].call('session.create', SMALL)),
      ),
    );
  const answers = await storm(AT_ONCE);
  const made = expectOnly(ctx, answers, QUOTA);
  await clients[0].call('session.close', { sessionId: made[0].sessionId });
  expectOnly(ctx, await storm(AT_ONCE), 1);
  const { count } = await clients[1].call('session.list', {});
  ctx.expect(count === QUOTA, `${count} sessions are listed`);
  const most = await watch.end();
  ctx.expect(most <= QUOTA, `there were ${most} containers at once`);
  ctx.held(`${QUOTA} of ${AT_ONCE} made, then 1 of ${AT_ONCE}; never more than ${most} containers`);
}

function expectOnly(ctx, answers, wanted) {
  const made = answers.flatMap(({ result }) => (result ? [result] : []));
  ctx.expect(made.length === wanted, `${made.length} were made where there was room for ${wanted}`);
  const wrong = answers.find(({ reason }) => reason !== undefined && reason !== 'quota_exceeded');
  ctx.expect(wrong === undefined, `one was refused as ${wrong?.reason}`);
  return made;
}

/** The most containers that are seen at once; nothing tells of it but looking. */
function watchContainers(serverId) {
  const over = new AbortController();
  const looking = (async () => {
    let most = 0;
    while (!over.signal.aborted) {
      const found = await docker.listContainers({ all: true, filters: { label: [`codebeaker=${serverId}`] } });
      most = Math.max(most, found.length);
    }
    return most;
  })();
  looking.catch(() => undefined);
  return {
    end() {
      over.abort();
      return looking;
    },
  };
}
