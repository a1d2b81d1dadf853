import { Logger } from '@nestjs/common';

import { type Doctor, refusalOf, shortOf, type Tenancy } from '#libs/doctor';
import { RuntimeError, type SandboxRuntime } from '#libs/runtime';

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
    if (this.tenancy.multiTenant) await this.examineOrWait(onUnsafe);
    else void this.examineOrWait(onUnsafe).catch((error: unknown) => this.logger.error(error));
  }

  private async examineOrWait(onUnsafe: (error: UnsafeHostError) => void): Promise<void> {
    try {
      await this.examine();
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      this.logger.warn(`the host is looked at when the engine answers: ${error.message}`);
      this.whenBack(onUnsafe);
    }
  }

  private whenBack(onUnsafe: (error: UnsafeHostError) => void): void {
    let isDue = true;
    this.runtime.onBack(() => {
      if (!isDue) return;
      isDue = false;
      this.examine().catch((error: unknown) => {
        if (error instanceof UnsafeHostError) onUnsafe(error);
        // Gone again: it is due once more.
        else if (error instanceof RuntimeError) isDue = true;
        else this.logger.error(error);
      });
    });
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
