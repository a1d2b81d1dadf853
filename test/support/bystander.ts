import { afterEach, beforeAll, expect } from 'vitest';

import { RawWebSocket } from './raw-websocket.js';
import type { ServerUnderTest } from './server-under-test.js';
import { chunksOf } from './streamed.js';
import type { TestSession } from './test-session.js';

const TICKING = "import time\nn = 0\nwhile True:\n    print('tick', n, flush=True)\n    n += 1\n    time.sleep(0.02)";

/**
 * Somebody else's session: whatever happens elsewhere, its program goes on and its commands are answered, and whoever
 * comes anew is served. Looked at after each test of the file.
 */
export class Bystander {
  session!: TestSession;
  private ticking!: { id: number; result: Promise<any> };
  private ended: unknown;

  constructor(private readonly server: ServerUnderTest) {}

  async begin(): Promise<void> {
    this.session = await this.server.session();
    const command = { commandName: 'python3', args: ['-c', TICKING], timeoutMs: 3_600_000 };
    this.ticking = this.session.stream('execute_shell', command);
    const ended = (how: unknown): unknown => (this.ended = how);
    void this.ticking.result.then(ended, ended);
  }

  async expectUnharmed(): Promise<void> {
    const { client, api } = this.server;
    expect(this.ended).toBeUndefined();
    expect(await this.session.sh('echo 42')).toBe('42\n');
    const ticks = chunksOf(client, this.ticking.id).length;
    await client.until(() => chunksOf(client, this.ticking.id).length > ticks, 60_000);
    const probe = await RawWebSocket.open(api.port);
    probe.request('probe', 'language.list');
    expect(await probe.answer('probe')).toHaveProperty('result.languages');
    probe.close();
  }
}

/** To be called at the top of a spec file. */
export function useBystander(server: ServerUnderTest): Bystander {
  const bystander = new Bystander(server);
  beforeAll(() => bystander.begin());
  afterEach(() => bystander.expectUnharmed());
  return bystander;
}
