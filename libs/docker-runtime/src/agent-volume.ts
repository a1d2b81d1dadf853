import type { MountSettings } from 'dockerode';

import { AGENT_MOUNT, LABEL_SERVER } from './container-config.js';
import type { Engine } from './engine.js';
import { imageUnavailable } from './refusals.js';

/**
 * The named volume with the agent's binary, one per version of the agent image. The engine copies an image's files
 * into an empty volume when a container with it is made, so the container need never run.
 */
export class AgentVolume {
  private filled: string | undefined;
  private filling: Promise<string> | undefined;
  private refilling: Promise<void> | undefined;
  private refills = 0;

  constructor(
    private readonly engine: Engine,
    private readonly image: string,
    private readonly serverId: string,
  ) {}

  /** The volume's name, once it is filled. */
  name(): Promise<string> {
    if (this.filled) return Promise.resolve(this.filled);
    this.filling ??= this.fill().finally(() => (this.filling = undefined));
    return this.filling;
  }

  /** To be called when the engine was away: its volumes may be others now. */
  forget(): void {
    this.filled = undefined;
  }

  /** Tells two fillings apart; see {@link refill}. */
  get edition(): number {
    return this.refills;
  }

  /**
   * Writes the agent into the volume again, because what was made of it at `edition` did not run: somebody removed,
   * emptied or changed it. Whoever asks for the same edition shares the work. Sandboxes that run keep what they have.
   */
  refill(edition: number): Promise<void> {
    if (this.refilling) return this.refilling;
    if (edition !== this.refills) return Promise.resolve();
    this.refilling = this.writeAgain()
      .then(() => void this.refills++)
      .finally(() => (this.refilling = undefined));
    return this.refilling;
  }

  private async writeAgain(): Promise<void> {
    this.forget();
    const name = await this.name();
    // Filling has helped already where there was nothing. What is there, the engine leaves as it is.
    const [source, target] = [await this.container([]), await this.container([mount(name)])];
    try {
      await this.engine.copy({ from: source, path: `${AGENT_MOUNT}/agent`, to: target, into: AGENT_MOUNT });
    } finally {
      await Promise.all([this.engine.remove(source), this.engine.remove(target)]);
    }
  }

  private async fill(): Promise<string> {
    const image = await this.engine.image(this.image);
    if (!image) throw imageUnavailable(this.image);
    const name = `codebeaker-agent-${image.Id.replace('sha256:', '').slice(0, 12)}`;
    await this.engine.remove(await this.container([mount(name)]));
    this.filled = name;
    return name;
  }

  /** One that never runs. */
  private async container(Mounts: MountSettings[]): Promise<string> {
    const { id } = await this.engine.create({
      Image: this.image,
      Labels: { [LABEL_SERVER]: this.serverId },
      HostConfig: { AutoRemove: true, NetworkMode: 'none', Mounts },
    });
    return id;
  }
}

function mount(volume: string): MountSettings {
  return { Type: 'volume', Source: volume, Target: AGENT_MOUNT };
}
