import type { SandboxRuntime } from '#libs/runtime';

/** Whoever collects metrics waits 10 s by default, and an engine that hangs would leave it without any. */
const ANSWER_MS = 2_000;

/** Whether the engine answers, asked as often as somebody wants to know, and once at a time. */
export class EngineProbe {
  private asking: Promise<boolean> | undefined;

  constructor(private readonly runtime: SandboxRuntime) {}

  async isUp(): Promise<boolean> {
    this.asking ??= this.ask().finally(() => (this.asking = undefined));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ANSWER_MS);
    });
    return Promise.race([this.asking, late]).finally(() => clearTimeout(timer));
  }

  private async ask(): Promise<boolean> {
    try {
      await this.runtime.ping();
      return true;
    } catch {
      return false;
    }
  }
}
