import Docker from 'dockerode';
import { Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Duplex } from 'node:stream';

import { type EngineFacts, RuntimeError } from '#libs/runtime';

import { engineFacts } from './engine-facts.js';
import { SharedCalls } from './shared-calls.js';

const KEEP_ALIVE_MS = 15_000;
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EACCES',
  'EPIPE',
  'ETIMEDOUT',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOTFOUND',
  'ENOTCONN',
  'ABORT_ERR',
]);

/** The only place that speaks to dockerode: its calls, bounded in time, with its failures in our terms. */
export class Engine {
  readonly docker: Docker;
  private readonly versions = new SharedCalls<Docker.DockerVersion>();
  private readonly images = new SharedCalls<Docker.ImageInspectInfo>();

  constructor(
    private readonly dockerHost: string,
    private readonly timeoutMs: number,
  ) {
    this.docker = new Docker(connection(dockerHost));
  }

  async version(): Promise<{ engine: string; version: string; apiVersion: string }> {
    const version = await this.call(() => this.versions.call('', () => this.docker.version()));
    return {
      engine: version.Platform?.Name || 'docker',
      version: version.Version,
      apiVersion: version.ApiVersion,
    };
  }

  async facts(): Promise<EngineFacts> {
    const version = await this.call(() => this.docker.version());
    const askedAt = Date.now();
    const info: unknown = await this.call(() => this.docker.info());
    const now = (askedAt + Date.now()) / 2;
    return engineFacts({ info, version, dockerHost: this.dockerHost, hostName: hostname(), now });
  }

  create(options: Docker.ContainerCreateOptions): Promise<Docker.Container> {
    return this.call((abortSignal) => this.docker.createContainer({ ...options, abortSignal }));
  }

  async start(id: string): Promise<void> {
    await this.call((abortSignal) => this.docker.getContainer(id).start({ abortSignal }));
  }

  async unpause(id: string): Promise<void> {
    await this.call((abortSignal) => this.docker.getContainer(id).unpause({ abortSignal }));
  }

  async update(id: string, limits: Docker.HostConfig): Promise<void> {
    await this.call((abortSignal) => this.docker.getContainer(id).update({ ...limits, abortSignal }));
  }

  /** The container's stdin and stdout, hijacked: a raw duplex whose reading side is multiplexed. */
  async attach(id: string): Promise<Duplex> {
    const stream = await this.call((abortSignal) =>
      this.docker
        .getContainer(id)
        .attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true, abortSignal }),
    );
    keepAlive(stream);
    return stream as unknown as Duplex;
  }

  inspect(id: string): Promise<Docker.ContainerInspectInfo> {
    return this.call((abortSignal) => this.docker.getContainer(id).inspect({ abortSignal }));
  }

  list(label: string): Promise<Docker.ContainerInfo[]> {
    return this.call((abortSignal) =>
      this.docker.listContainers({ all: true, filters: { label: [label] }, abortSignal }),
    );
  }

  /** Undefined when there is no such image. */
  async image(name: string): Promise<Docker.ImageInspectInfo | undefined> {
    try {
      return await this.call(() => this.images.call(name, () => this.docker.getImage(name).inspect()));
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  /** Removes a container with its anonymous volumes; resolves when it is gone, whoever removed it. */
  async remove(id: string): Promise<void> {
    const container = this.docker.getContainer(id);
    try {
      await this.call((abortSignal) => container.remove({ force: true, v: true, abortSignal }));
    } catch (error) {
      const status = statusOf(error);
      if (status === 404) return;
      // AutoRemove got there first: its removal is the one to wait for.
      if (status !== 409) throw error;
      await this.call((abortSignal) => container.wait({ condition: 'removed', abortSignal })).catch((waiting) => {
        if (statusOf(waiting) !== 404) throw waiting;
      });
    }
  }

  /** Names of the volumes with this label that no container has. */
  async unusedVolumes(label: string): Promise<string[]> {
    const filters = { label: [label], dangling: ['true'] };
    const { Volumes } = await this.call((abortSignal) => this.docker.listVolumes({ filters, abortSignal }));
    return (Volumes ?? []).map(({ Name }) => Name);
  }

  /** Removes a volume that no container has; nothing happens to one that is gone, or in use by now. */
  async removeVolume(name: string): Promise<void> {
    try {
      await this.call((abortSignal) => this.docker.getVolume(name).remove({ abortSignal }));
    } catch (error) {
      const status = statusOf(error);
      if (status !== 404 && status !== 409) throw error;
    }
  }

  /** Copies a file from one container into a directory of another; neither need run, and both must be trusted. */
  async copy({ from, path, to, into }: { from: string; path: string; to: string; into: string }): Promise<void> {
    await this.call(async (abortSignal) => {
      const archive = await this.docker.getContainer(from).getArchive({ path, abortSignal });
      await this.docker.getContainer(to).putArchive(archive, { path: into, abortSignal });
    });
  }

  /** The engine's event stream, filtered; it has no time limit. */
  async events(filters: Record<string, string[]>): Promise<NodeJS.ReadableStream> {
    return this.call(async (limit) => {
      const stream = await this.docker.getEvents({ filters });
      // Nobody waits for it any more.
      if (limit.aborted) destroy(stream);
      if ('socket' in stream) keepAlive(stream.socket);
      return stream;
    });
  }

  private async call<T>(start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), this.timeoutMs);
    try {
      // Not every call of dockerode's takes the signal, so the limit is also waited for here.
      return await Promise.race([start(limit.signal), aborted(limit.signal)]);
    } catch (error) {
      if (limit.signal.aborted) throw unavailable(`it did not answer within ${this.timeoutMs} ms`, error);
      if (isUnreachable(error)) throw unavailable('it does not answer', error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Ends a stream that nobody reads. */
export function destroy(stream: NodeJS.ReadableStream | undefined): void {
  if (stream && 'destroy' in stream && typeof stream.destroy === 'function') stream.destroy();
}

/** Streams that live long must notice that a remote engine's host is gone, though nothing is sent. */
function keepAlive(stream: unknown): void {
  if (stream instanceof Socket) stream.setKeepAlive(true, KEEP_ALIVE_MS);
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

/** The engine's HTTP status, where an error carries one. */
export function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error) || statusOf(error) !== undefined) return false;
  const code = 'code' in error ? String(error.code) : '';
  return UNREACHABLE.has(code) || error.message.includes('socket hang up');
}

function unavailable(why: string, cause: unknown): RuntimeError {
  return new RuntimeError(
    'engine_unavailable',
    `The Docker engine cannot be used: ${why}. Nothing was lost; try again when it is back.`,
    {},
    { cause },
  );
}

function connection(dockerHost: string): Docker.DockerOptions {
  if (dockerHost.startsWith('unix://')) return { socketPath: dockerHost.slice('unix://'.length) };
  const url = new URL(dockerHost.replace(/^tcp:/, 'http:'));
  return {
    host: url.hostname,
    port: url.port || (url.protocol === 'https:' ? 2376 : 2375),
    protocol: url.protocol === 'https:' ? 'https' : 'http',
  };
}
