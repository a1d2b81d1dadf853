import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import type { ContainerCreateOptions } from 'dockerode';

import {
  AgentError,
  type EngineFacts,
  type ImageStatus,
  RuntimeError,
  type Sandbox,
  type SandboxRecord,
  SandboxRuntime,
  type SandboxSpec,
} from '#libs/runtime';

import { AgentVolume } from './agent-volume.js';
import { containerConfig, LABEL_PREFIX, LABEL_SERVER } from './container-config.js';
import { type WorkspaceDisk, WorkspaceDisks } from './workspace-disks.js';
import { DockerSandbox } from './docker-sandbox.js';
import { Engine, statusOf } from './engine.js';
import { EngineWatch } from './engine-watch.js';
import { DockerRuntimeOptions } from './options.js';
import { agentUnusable, imageUnavailable, isAboutAgent, refusal } from './refusals.js';

const DISK_LABEL = 'disk';

/** Sandboxes as Docker containers, each with our agent as its main process. */
@Injectable()
export class DockerRuntime extends SandboxRuntime implements OnModuleInit {
  private readonly logger = new Logger(DockerRuntime.name);
  private readonly engine: Engine;
  private readonly watch: EngineWatch;
  private readonly agentVolume: AgentVolume;
  private readonly disks: WorkspaceDisks;
  private readonly sandboxes = new Set<DockerSandbox>();

  constructor(private readonly options: DockerRuntimeOptions) {
    super();
    this.engine = new Engine(options.dockerHost, options.engineTimeoutMs);
    this.watch = new EngineWatch(this.engine, options.serverId);
    this.agentVolume = new AgentVolume(this.engine, options.agentImage, options.serverId);
    this.disks = new WorkspaceDisks(options.diskLimit, this.engine, options.stateDirectory, !options.diskOvercommit);
    this.watch.on('up', () => this.agentVolume.forget());
  }

  onModuleInit(): void {
    this.watch.start();
  }

  async create(spec: SandboxSpec): Promise<Sandbox> {
    const volume = this.agentVolume.edition;
    try {
      return await this.make(spec);
    } catch (error) {
      if (!(error instanceof AgentBrokenError)) throw this.translate(error);
      this.logger.warn({ message: 'the agent could not be started; its volume is filled anew', error: error.cause });
    }
    try {
      await this.agentVolume.refill(volume);
      return await this.make(spec);
    } catch (error) {
      const isStillBroken = error instanceof AgentBrokenError && !(error.cause instanceof RuntimeError);
      throw isStillBroken ? agentUnusable(this.options.agentImage, error.cause) : this.translate(error);
    }
  }

  private async make(spec: SandboxSpec): Promise<Sandbox> {
    const [disk, image, agentVolume] = await this.gather(spec);
    let sandbox: DockerSandbox | undefined;
    try {
      const labelled = { ...spec, labels: { ...spec.labels, [DISK_LABEL]: disk.mount.kind } };
      const parts = { agentVolume, workspace: disk.mount };
      const id = await this.createContainer(spec.image, containerConfig(labelled, this.options, parts));
      sandbox = this.track(id, labelled.labels, image.env);
      let mounted: Promise<void> | undefined;
      const start = async (): Promise<void> => {
        await this.engine.start(id);
        // Beside the agent's greeting.
        mounted = disk.mounted();
        mounted.catch(() => undefined);
      };
      await sandbox.connect({ resync: false, start });
      await mounted;
      return sandbox;
    } catch (error) {
      const isBroken = isAboutAgent(error) || isForeign(error) || sandbox?.diedByItself === true;
      // Everything made so far goes again; the first failure is the one to tell.
      const log = (failure: unknown): void => this.logger.error(failure);
      await sandbox?.destroy().catch(log);
      await disk.discard().catch(log);
      throw isBroken ? new AgentBrokenError(error) : error;
    }
  }

  /** What a container is made of; that of it which takes time is made side by side. */
  private async gather(spec: SandboxSpec): Promise<[WorkspaceDisk, { env: Record<string, string> }, string]> {
    const making = this.disks.make(spec.limits.diskBytes);
    making.catch(() => undefined);
    try {
      const [image, agentVolume] = await Promise.all([this.requireImage(spec.image), this.agentVolume.name()]);
      return [await making, image, agentVolume];
    } catch (error) {
      await making.then(
        (disk) => disk.discard(),
        () => undefined,
      );
      throw error;
    }
  }

  private async createContainer(image: string, options: ContainerCreateOptions): Promise<string> {
    try {
      return (await this.engine.create(options)).id;
    } catch (error) {
      throw statusOf(error) === 404 ? imageUnavailable(image, error) : error;
    }
  }

  async list(): Promise<SandboxRecord[]> {
    const containers = await this.engine.list(`${LABEL_SERVER}=${this.options.serverId}`);
    return containers.map(({ Id, Labels, State, Created }) => ({
      id: Id,
      labels: ownLabels(Labels),
      running: State === 'running' || State === 'paused',
      createdAt: new Date(Created * 1000),
    }));
  }

  async adopt(record: SandboxRecord): Promise<Sandbox> {
    const { Config, State } = await this.engine.inspect(record.id);
    // Whose it is, only its agent can say: who paused it will have to do so again.
    if (State.Paused) await this.engine.unpause(record.id);
    const sandbox = this.track(record.id, record.labels, parseEnv(Config.Env));
    try {
      await sandbox.connect({ resync: true });
      return sandbox;
    } catch (error) {
      sandbox.detach();
      this.sandboxes.delete(sandbox);
      throw this.translate(error);
    }
  }

  remove(id: string): Promise<void> {
    return this.engine.remove(id);
  }

  /** A container that somebody removes without its volumes leaves its workspace's. */
  async tidy(): Promise<void> {
    const left = await this.engine.unusedVolumes(`${LABEL_SERVER}=${this.options.serverId}`);
    for (const name of left) {
      this.logger.warn({ message: 'a volume of no container is removed', volume: name });
      await this.engine.removeVolume(name);
    }
    await this.disks.tidy();
  }

  async imageStatus(image: string): Promise<ImageStatus> {
    const found = await this.engine.image(image);
    if (!found) return { image, available: false };
    const version = found.Config?.Labels?.[`${LABEL_PREFIX}version`];
    return { image, available: true, id: found.Id, ...(version ? { version } : {}) };
  }

  async ping(): Promise<{ engine: string; version: string }> {
    return this.engine.version();
  }

  facts(): Promise<EngineFacts> {
    return this.engine.facts();
  }

  onBack(listener: () => void): void {
    this.watch.on('up', listener);
  }

  async close(): Promise<void> {
    this.watch.close();
    for (const sandbox of this.sandboxes) sandbox.detach();
  }

  private track(id: string, labels: Readonly<Record<string, string>>, baseEnv: Record<string, string>): DockerSandbox {
    const diskLimitKind = labels[DISK_LABEL] === 'loop-ext4' ? 'loop-ext4' : 'tmpfs';
    const sandbox = new DockerSandbox({ id, labels, baseEnv, diskLimitKind }, this.engine, this.watch);
    this.sandboxes.add(sandbox);
    sandbox.gone.addEventListener('abort', () => this.sandboxes.delete(sandbox), { once: true });
    return sandbox;
  }

  private async requireImage(name: string): Promise<{ env: Record<string, string> }> {
    const image = await this.engine.image(name);
    if (!image) throw imageUnavailable(name);
    return { env: parseEnv(image.Config?.Env ?? []) };
  }

  private translate(error: unknown): unknown {
    const cause = error instanceof AgentBrokenError ? error.cause : error;
    const known = refusal(cause);
    if (known) return known;
    this.logger.error({ message: 'the engine refused', error: cause });
    return new RuntimeError(
      'sandbox_failed',
      'The sandbox could not be started; the log has the reason.',
      {},
      { cause },
    );
  }
}

/** What a container's first moments said against the agent in it. */
class AgentBrokenError extends Error {
  constructor(cause: unknown) {
    super('the agent could not be started', { cause });
  }
}

function isForeign(error: unknown): boolean {
  return error instanceof AgentError && error.code === 'protocol_mismatch';
}

function ownLabels(labels: Record<string, string>): Record<string, string> {
  const own = Object.entries(labels).filter(([name]) => name.startsWith(LABEL_PREFIX));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(LABEL_PREFIX.length), value]));
}

function parseEnv(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
