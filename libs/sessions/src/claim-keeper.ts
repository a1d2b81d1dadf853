import { Logger } from '@nestjs/common';

import type { Session } from './session.js';
import { writeClaim } from './session-claim.js';

/** Changes within this time are told together: a busy session costs one claim a second, not one a command. */
const GATHER_MS = 1_000;
const MS_PER_MINUTE = 60_000;
/** How long a sandbox outlives its session's lifetime when no server comes to end it. */
const SELF_DESTRUCT_GRACE_MS = 10 * MS_PER_MINUTE;

/** Keeps each sandbox's agent told of what changes in its session. */
export class ClaimKeeper {
  private readonly logger = new Logger(ClaimKeeper.name);
  private readonly changed = new Set<Session>();
  private timer: NodeJS.Timeout | undefined;

  /** Tells the agent now. */
  async claim(session: Session): Promise<void> {
    const leftMs = (session.config.maxLifetimeMinutes - session.lifetimeMinutes()) * MS_PER_MINUTE;
    const selfDestructMs = Math.ceil(Math.max(0, leftMs) + SELF_DESTRUCT_GRACE_MS);
    await session.sandbox.agent.claim(writeClaim(session), selfDestructMs);
  }

  /** Tells the agent soon. */
  note(session: Session): void {
    this.changed.add(session);
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** A container that stands still, or an engine that is away, is found out at once instead of by waiting for it. */
  private async renew(session: Session): Promise<void> {
    if (await session.sandbox.ready()) await this.claim(session);
  }

  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    const sessions = [...this.changed].filter(({ ended }) => !ended.aborted);
    this.changed.clear();
    await Promise.all(
      sessions.map((session) =>
        this.renew(session).catch((error: unknown) => {
          this.logger.debug({ message: 'a claim could not be renewed', sessionId: session.id, error });
          // Told with the next change, or by the next clean-up.
          this.changed.add(session);
        }),
      ),
    );
  }
}
