import { RuntimeError } from '#libs/runtime';

import { AGENT_MOUNT, LABEL_SERVER } from './container-config.js';
import type { Engine } from './engine.js';

/**
 * The named volume with the agent's binary, one per version of the agent image. The engine copies an image's files
 * into an empty volume when a container with it is made, so the container need never run.
 */
export class AgentVolume {
  private filled: string | undefined;
  private filling: Promise<string> | undefined;

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

  private async fill(): Promise<string> {
    const image = await this.engine.image(this.image);
    if (!image) {
      throw new RuntimeError(
        'image_unavailable',
        `The image ${this.image} is not on this engine; build it by: npm run setup`,
        { image: this.image },
      );
    }
    const name = `codebeaker-agent-${image.Id.replace('sha256:', '').slice(0, 12)}`;
    const container = await this.engine.create({
      Image: this.image,
      Labels: { [LABEL_SERVER]: this.serverId },
      HostConfig: {
        AutoRemove: true,
        NetworkMode: 'none',
        Mounts: [{ Type: 'volume', Source: name, Target: AGENT_MOUNT }],
      },
    } as never);
    await this.engine.remove(container.id);
    this.filled = name;
    return name;
  }
}
