import { describe, expect, it } from 'vitest';

import { useServerProcess } from '../support/server-process.js';
import { WatchedProcess } from '../support/watched-process.js';

const SESSIONS = 5;
const KILLS = 2;
const LINES = 1_500;
const PRINTS = `
import sys, time
for line in range(1, ${LINES} + 1):
    print(line, flush=True)
    time.sleep(0.01)
sys.exit(int(sys.argv[1]))
`;

const server = useServerProcess();

/** What a client that comes back each time has seen of one process, over all its sockets. */
class Follower {
  private readonly visits: WatchedProcess[] = [];

  constructor(
    readonly processId: string,
    readonly exitCode: number,
  ) {}

  get text(): string {
    return this.visits.map(({ text }) => text).join('');
  }

  get last(): WatchedProcess {
    const last = this.visits.at(-1);
    if (!last) throw new Error('nobody has attached yet');
    return last;
  }

  get nextSeq(): number {
    return this.visits.reduce((next, { chunks }) => (chunks.at(-1)?.seq ?? next - 1) + 1, 0);
  }

  async attach(): Promise<void> {
    const fromSeq = this.nextSeq;
    const visit = new WatchedProcess(server.client, this.processId);
    this.visits.push(visit);
    await visit.call('attach', { fromSeq });
  }
}

describe('a server that is killed', () => {
  it('loses no line and no exit of the processes that it had started', async () => {
    const followers = await Promise.all(
      Array.from({ length: SESSIONS }, async (_, number) => {
        const { id } = await server.session();
        const started = { commandName: 'python3', args: ['-c', PRINTS, String(number)], attach: false };
        const { processId } = await server.client.call('process.start', { sessionId: id, ...started });
        return new Follower(processId, number);
      }),
    );
    await Promise.all(followers.map((follower) => follower.attach()));

    for (let kill = 1; kill <= KILLS; kill++) {
      await Promise.all(followers.map(({ last }) => last.client.until(() => last.chunks.length > 20 * kill, 60_000)));
      await server.restart('SIGKILL');
      await Promise.all(followers.map((follower) => follower.attach()));
    }

    const lines = Array.from({ length: LINES }, (_, line) => `${line + 1}\n`).join('');
    for (const follower of followers) {
      expect(await follower.last.exited()).toMatchObject({ endReason: 'exited', exitCode: follower.exitCode });
      expect(follower.text).toBe(lines);
      expect(follower.last.droppedBytes).toBe(0);
    }
  });

  it('finds what still runs, and keeps its session Active', async () => {
    const session = await server.session();
    const running = await WatchedProcess.start(server.client, session.id, 'cat', [], { stdin: 'open' });

    await server.restart('SIGKILL');

    const again = new WatchedProcess(server.client, running.id);
    expect(await server.again(session).state()).toBe('Active');
    await again.call('attach');
    await again.call('write', { data: 'still here\n' });
    await again.call('closeStdin');
    expect(await again.exited()).toMatchObject({ endReason: 'exited', exitCode: 0 });
    expect(again.text).toBe('still here\n');
    expect(await server.again(session).state()).toBe('Idle');
  });
});
