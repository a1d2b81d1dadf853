import { eventually } from './eventually.js';
import { Life } from './server-process.js';

const SETTLED_MS = 90_000;

/** Runs of the built programs that a test makes; whoever makes them calls `end` afterwards. */
export class Lives {
  private readonly lives: Life[] = [];

  /** @param settings what every run is given, unless it says otherwise */
  constructor(private readonly settings: () => Record<string, string>) {}

  async begin(env: Record<string, string>, program?: string[]): Promise<Life> {
    const life = await Life.begin({ ...this.settings(), ...env }, program);
    this.lives.push(life);
    return life;
  }

  /** A server, as soon as it listens or has ended. */
  async start(env: Record<string, string>): Promise<Life> {
    const life = await this.begin({ PORT: '0', LOG_LEVEL: 'info', ...env });
    await eventually(
      () => life.isOver || life.stdout.includes('listening on'),
      (settled) => settled,
      'the server listens or ends',
      SETTLED_MS,
    );
    return life;
  }

  async end(): Promise<void> {
    for (const life of this.lives.splice(0)) {
      if (!life.isOver) life.signal('SIGKILL');
      await life.exit;
    }
  }
}
