import { Logger } from '@nestjs/common';

import { type Doctor, refusalOf, shortOf, type Tenancy } from '#libs/doctor';
import type { SandboxRuntime } from '#libs/runtime';

import { atEngine } from './at-engine.js';

/** Stops the start: sandboxes of this host do not keep tenants apart. */
export class UnsafeHostError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnsafeHostError';
  }
}

/** Looks at the host when the server starts, says the short of it, and keeps several tenants off one with a known way out. */
export class HostGuard {
  private readonly logger = new Logger('Host');

  constructor(
    private readonly doctor: Doctor,
    private readonly runtime: SandboxRuntime,
    private readonly tenancy: Tenancy,
  ) {}

  /**
   * With one tenant it waits for nothing: the log has the findings when they come.
   * @param onUnsafe called later, where the engine does not answer yet and turns out to be unsafe when it does
   * @throws UnsafeHostError
   */
  async check(onUnsafe: (error: UnsafeHostError) => void): Promise<void> {
    const examining = atEngine(
      this.runtime,
      'the host is looked at',
      () => this.examine(),
      (error) => {
        if (error instanceof UnsafeHostError) onUnsafe(error);
        else this.logger.error(error);
      },
    );
    if (this.tenancy.multiTenant) await examining;
    else void examining.catch((error: unknown) => this.logger.error(error));
  }

  private async examine(): Promise<void> {
    const report = await this.doctor.quick();
    const refusal = refusalOf(report, this.tenancy);
    if (refusal !== undefined) throw new UnsafeHostError(refusal);
    const { lines, summary } = shortOf(report);
    for (const line of lines) this.logger.warn(line);
    this.logger.log(summary);
  }
}
