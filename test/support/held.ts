import type { TestSession } from './test-session.js';

/** Says `up`, and ends with `done` when {@link release} tells it to. */
export const HOLD = { commandName: 'sh', args: ['-c', 'mkfifo hold && echo up && cat hold'] };

export async function release(session: TestSession): Promise<void> {
  await session.sh('echo done > hold');
}
