import { Logger } from '@nestjs/common';
import { Duplex } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { RuntimeError, type Sandbox, type SandboxSpec } from '#libs/runtime';

import { describeRuntime } from '../../runtime/src/runtime.contract.js';
import { arrived, FakeAgent } from '../../runtime/src/testing/fake-agent.js';
import { DockerRuntime } from './docker-runtime.js';
import { Engine } from './engine.js';
import { WorkspaceDisks } from './workspace-disks.js';

Logger.overrideLogger(false);

// The pauses before a line is mended again are no part of what is tested here.
vi.mock('node:timers/promises', () => ({ setTimeout: () => arrived() }));

const IMAGE = 'codebeaker-python:latest';
const AGENT_IMAGE = 'codebeaker-agent:latest';
const SPEC: SandboxSpec = {
  image: IMAGE,
  limits: { memoryBytes: 1e8, cpus: 1, pids: 10, diskBytes: 1e7, tmpBytes: 1e6, openFiles: 100, network: 'none' },
  labels: { language: 'python' },
};

interface Container {
  readonly id: string;
  readonly labels: Record<string, string>;
  readonly agent: FakeAgent;
  state: 'created' | 'running' | 'paused' | 'exited';
}

const refusal = (statusCode: number, message = 'refused') =>
  Object.assign(new Error(message), { statusCode, json: { message } });

/** What the engine's HTTP API would do, in the place of Engine's methods, with a FakeAgent in every container. */
class DockerInMemory {
  readonly containers = new Map<string, Container>();
  /** How often each container was attached to. */
  readonly attached: string[] = [];
  readonly removed: string[] = [];
  readonly streams: AttachedStream[] = [];
  events: Duplex[] = [];
  onStart: (container: Container) => void | Promise<void> = () => undefined;
  onAttach: (stream: AttachedStream) => void = () => undefined;
  onInspect: () => void = () => undefined;
  /** How often the agent was written into its volume again. */
  copies = 0;
  private made = 0;

  install(): void {
    const { prototype } = Engine;
    vi.spyOn(prototype, 'create').mockImplementation((async (options: {
      Image: string;
      Labels: Record<string, string>;
    }) => {
      const id = `c${++this.made}`;
      const agent = new FakeAgent();
      this.containers.set(id, { id, labels: options.Labels, agent, state: 'created' });
      return { id };
    }) as never);
    vi.spyOn(prototype, 'start').mockImplementation(async (id) => {
      const container = this.require(id);
      await this.onStart(container);
      container.state = 'running';
      for (const stream of this.streams) if (stream.container === container) stream.open();
    });
    vi.spyOn(prototype, 'attach').mockImplementation(async (id) => {
      const container = this.require(id);
      this.attached.push(id);
      const stream = new AttachedStream(container);
      this.streams.push(stream);
      if (container.state === 'running') stream.open();
      this.onAttach(stream);
      return stream;
    });
    vi.spyOn(prototype, 'inspect').mockImplementation((async (id: string) => {
      this.onInspect();
      const container = this.require(id);
      return {
        Config: { Env: ['PATH=/bin', 'EMPTY='] },
        State: { Running: container.state !== 'exited', Paused: container.state === 'paused' },
      };
    }) as never);
    vi.spyOn(prototype, 'list').mockImplementation((async () =>
      [...this.containers.values()].map(({ id, labels, state }) => ({
        Id: id,
        Labels: labels,
        State: state,
        Created: Math.floor(Date.now() / 1000),
      }))) as never);
    vi.spyOn(prototype, 'image').mockImplementation((async (name: string) =>
      name === IMAGE || name === AGENT_IMAGE
        ? { Id: 'sha256:0123456789abcdef', Config: { Env: ['PATH=/bin'], Labels: { 'codebeaker.version': '3.14' } } }
        : undefined) as never);
    vi.spyOn(prototype, 'remove').mockImplementation(async (id) => {
      this.removed.push(id);
      await this.die(id, '137');
    });
    vi.spyOn(prototype, 'unusedVolumes').mockResolvedValue([]);
    vi.spyOn(prototype, 'events').mockImplementation(async () => {
      const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      this.events.push(stream);
      return stream;
    });
    vi.spyOn(prototype, 'copy').mockImplementation(async () => void this.copies++);
    vi.spyOn(prototype, 'unpause').mockImplementation(async (id) => void (this.require(id).state = 'running'));
    vi.spyOn(prototype, 'update').mockImplementation(async (id) => void this.require(id));
    vi.spyOn(prototype, 'version').mockImplementation(async () => ({
      engine: 'docker',
      version: '28',
      apiVersion: '1.48',
    }));
  }

  /** The container dies and is removed: first its event comes, if anybody listens, then its streams end. */
  async die(id: string, exitCode: string): Promise<void> {
    const container = this.containers.get(id);
    if (!container) return;
    this.containers.delete(id);
    container.state = 'exited';
    this.tell('die', id, { exitCode });
    await arrived();
    container.agent.breakLine();
    for (const stream of this.streams) if (stream.container === container) stream.destroy();
  }

  tell(Action: string, ID: string, Attributes: object = {}): void {
    for (const stream of this.events) stream.push(`${JSON.stringify({ Action, Actor: { ID, Attributes } })}\n`);
  }

  private require(id: string): Container {
    const container = this.containers.get(id);
    if (!container) throw refusal(404, `No such container: ${id}`);
    return container;
  }
}

/** An attached container's stdio: the agent's bytes in packets as the engine sends them. */
class AttachedStream extends Duplex {
  private readonly transport;
  private early: Buffer[] | undefined = [];

  constructor(readonly container: Container) {
    super();
    this.transport = container.agent.attach();
    this.transport.start({
      onData: (bytes) => {
        const header = Buffer.alloc(8);
        header[0] = 1;
        header.writeUInt32BE(bytes.length, 4);
        if (!this.destroyed) this.push(Buffer.concat([header, bytes]));
      },
      onClose: () => this.destroy(),
    });
  }

  /** The container runs: what was sent before reaches it. */
  open(): void {
    for (const bytes of this.early ?? []) this.transport.write(bytes);
    this.early = undefined;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    if (this.early) this.early.push(chunk);
    else this.transport.write(chunk);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.transport.close();
    done(error);
  }
}

/** Why a sandbox is gone, once it is. */
function gone(sandbox: Sandbox): Promise<unknown> {
  const { gone: signal } = sandbox;
  if (signal.aborted) return Promise.resolve(signal.reason);
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason), { once: true }));
}

let docker: DockerInMemory;

function runtimeOf(): DockerRuntime {
  const runtime = unstarted();
  runtime.onModuleInit();
  return runtime;
}

function unstarted(): DockerRuntime {
  return new DockerRuntime({
    dockerHost: 'unix:///nowhere',
    serverId: 'server-1',
    agentImage: AGENT_IMAGE,
    seccompProfile: '{}',
    diskLimit: 'tmpfs',
    diskOvercommit: false,
    stateDirectory: '/nowhere',
    engineTimeoutMs: 1_000,
  });
}

beforeEach(() => {
  docker = new DockerInMemory();
  docker.install();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describeRuntime('DockerRuntime on an engine in memory', () => ({ make: runtimeOf, image: IMAGE }));

describe('DockerRuntime', () => {
  let runtime: DockerRuntime;

  beforeEach(() => {
    runtime = runtimeOf();
  });

  afterEach(() => runtime.close());

  const created = async (): Promise<{ sandbox: Sandbox; container: Container }> => {
    const sandbox = await runtime.create(SPEC);
    const container = docker.containers.get(sandbox.id);
    if (!container) throw new Error('there is no container');
    return { sandbox, container };
  };

  it('attaches before it starts, so that no word of the agent is missed', async () => {
    const attachedAtStart: number[] = [];
    docker.onStart = () => void attachedAtStart.push(docker.attached.length);
    await created();

    expect(attachedAtStart).toEqual([1]);
  });

  it('tells the image, its version and its environment', async () => {
    const { sandbox } = await created();

    expect(sandbox.baseEnv).toEqual({ PATH: '/bin' });
    expect(await runtime.imageStatus(IMAGE)).toEqual({
      image: IMAGE,
      available: true,
      id: 'sha256:0123456789abcdef',
      version: '3.14',
    });
  });

  it('lists labels without our prefix, and none of others', async () => {
    const { sandbox, container } = await created();
    container.labels['org.opencontainers.image.title'] = 'theirs';

    const [record] = (await runtime.list()).filter(({ id }) => id === sandbox.id);
    expect(record?.labels).toEqual({ language: 'python', disk: 'tmpfs' });
  });

  it.each([
    [refusal(400, 'invalid CPUs\nmore'), { kind: 'invalid_limits', message: expect.stringMatching(/: invalid CPUs$/) }],
    [refusal(500, 'mkdir /var/lib/x: no space left on device'), { kind: 'host_disk_full' }],
    [refusal(400, 'exec: "/codebeaker/agent": stat: no such file'), { kind: 'image_unavailable' }],
    [refusal(500, '/var/lib/docker broke'), { kind: 'sandbox_failed', message: expect.not.stringContaining('/var') }],
    [new Error('a bug'), { kind: 'sandbox_failed' }],
  ])('says in our terms what the engine refused (%#)', async (thrown, expected) => {
    docker.onStart = () => {
      throw thrown;
    };

    await expect(runtime.create(SPEC)).rejects.toMatchObject(expected as object);
  });

  it('leaves no container behind when the start fails', async () => {
    docker.onStart = () => {
      throw refusal(500);
    };
    await expect(runtime.create(SPEC)).rejects.toBeDefined();

    expect([...docker.containers]).toEqual([]);
  });

  const foreign = ({ agent }: Container): void => {
    agent.answerHello = (nonce) => ({ nonce, head: { protocol: 2 } });
  };

  it('writes the agent into its volume again and leaves no container when it does not speak our protocol', async () => {
    docker.onStart = foreign;

    await expect(runtime.create(SPEC)).rejects.toMatchObject({
      kind: 'image_unavailable',
      data: { image: AGENT_IMAGE, build: 'npm run setup' },
    });
    expect(docker.copies).toBe(1);
    expect([...docker.containers]).toEqual([]);
  });

  it.each([
    ['speaks another protocol', foreign],
    ['cannot be started', () => Promise.reject(refusal(400, 'exec "/codebeaker/agent": exec format error'))],
    ['ends at once', ({ id }: Container) => docker.die(id, '1')],
  ])('makes the sandbox all the same when the agent in the volume %s', async (_, onStart) => {
    docker.onStart = (container) => (docker.copies === 0 ? onStart(container) : undefined);
    const { sandbox } = await created();

    await expect(sandbox.agent.ping()).resolves.toBeUndefined();
    expect(docker.copies).toBe(1);
    expect([...docker.containers.keys()]).toEqual([sandbox.id]);
  });

  it('says of a container that somebody ends while it is made that it was lost, and makes no other', async () => {
    docker.onStart = async ({ id }) => {
      docker.tell('kill', id);
      await docker.die(id, '137');
    };

    await expect(runtime.create(SPEC)).rejects.toMatchObject({
      kind: 'sandbox_lost',
      data: { endReason: 'container_lost' },
    });
    expect(docker.copies).toBe(0);
  });

  it('says so at once while a container is paused, and no more when it is not, whatever was told of it', async () => {
    const { sandbox, container } = await created();
    container.state = 'paused';
    docker.tell('pause', sandbox.id);
    await arrived();
    await expect(sandbox.ready()).rejects.toMatchObject({ kind: 'sandbox_paused' });

    container.state = 'running';
    await expect(sandbox.ready()).resolves.toBe(true);
    expect(docker.attached).toEqual([sandbox.id]);
  });

  it('does not give a paused sandbox up when its line breaks', async () => {
    const { sandbox, container } = await created();
    container.state = 'paused';
    container.agent.breakLine();
    await arrived();
    await expect(sandbox.ready()).rejects.toMatchObject({ kind: 'sandbox_paused' });

    container.state = 'running';
    await expect(sandbox.ready()).resolves.toBe(true);
    expect(docker.removed).not.toContain(sandbox.id);
  });

  it('lets a paused sandbox go on to adopt it', async () => {
    const { sandbox, container } = await created();
    container.state = 'paused';
    await runtime.close();
    runtime = runtimeOf();
    const record = (await runtime.list()).find(({ id }) => id === sandbox.id);
    if (!record) throw new Error('the sandbox is not listed');

    expect(record.running).toBe(true);
    await expect((await runtime.adopt(record)).agent.ping()).resolves.toBeUndefined();
  });

  it('tells its listeners when the engine is back', async () => {
    const other = unstarted();
    const back = new Promise<void>((resolve) => other.onBack(resolve));
    other.onModuleInit();
    await expect(back).resolves.toBeUndefined();
    await other.close();
  });

  it.each([
    [['oom'], '137', 'out_of_memory'],
    [['oom'], '0', 'container_lost'],
    [[], '137', 'container_lost'],
  ])('says why a container died (%j, exit %s)', async (before, exitCode, reason) => {
    const { sandbox } = await created();
    for (const action of before) docker.tell(action, sandbox.id);
    await docker.die(sandbox.id, exitCode);

    expect(await gone(sandbox)).toBe(reason);
  });

  it('removes the volumes of its own that no container has', async () => {
    const { prototype } = Engine;
    const asked = vi.spyOn(prototype, 'unusedVolumes').mockResolvedValue(['one', 'other']);
    const removed = vi.spyOn(prototype, 'removeVolume').mockResolvedValue();
    await runtime.tidy();

    expect(asked).toHaveBeenCalledWith('codebeaker=server-1');
    expect(removed.mock.calls).toEqual([['one'], ['other']]);
  });

  it('heeds the events of its own container alone', async () => {
    const [{ sandbox: one }, { sandbox: other }] = [await created(), await created()];
    await docker.die(one.id, '1');
    await gone(one);

    expect(other.gone.aborted).toBe(false);
    await expect(other.agent.ping()).resolves.toBeUndefined();
  });

  it('mends a line that broke, and completes what was half sent', async () => {
    const { sandbox, container } = await created();
    container.agent.breakLine(new Error('the engine restarted'));
    await arrived();

    await expect(sandbox.ready()).resolves.toBe(true);
    expect(container.agent.hellos).toHaveLength(2);
    await expect(sandbox.agent.ping()).resolves.toBeUndefined();
    expect(sandbox.gone.aborted).toBe(false);
  });

  it('mends a line once for everybody who waits', async () => {
    const { sandbox, container } = await created();
    container.agent.breakLine();
    await arrived();
    await Promise.all([sandbox.ready(), sandbox.ready(), sandbox.ready()]);

    expect(docker.attached).toEqual([sandbox.id, sandbox.id]);
  });

  it('is not ready while the engine is away, and is again when it is back, with nothing lost', async () => {
    const { sandbox, container } = await created();
    const away = new RuntimeError('engine_unavailable', 'away');
    docker.onInspect = () => {
      throw away;
    };
    container.agent.breakLine();
    await arrived();
    await expect(sandbox.ready()).rejects.toBe(away);
    await expect(sandbox.agent.ping()).rejects.toMatchObject({ name: 'ChannelLostError' });
    expect(sandbox.gone.aborted).toBe(false);

    docker.onInspect = () => undefined;
    await expect(sandbox.ready()).resolves.toBe(true);
    await expect(sandbox.agent.ping()).resolves.toBeUndefined();
  });

  it('tells when to ask again: it is unpaused, the engine is back, or this server lets it go', async () => {
    const { sandbox } = await created();
    const { sandbox: other } = await created();
    const tell = vi.fn();
    const unsubscribe = sandbox.onBack(tell);
    docker.tell('pause', sandbox.id);
    docker.tell('unpause', other.id);
    await arrived();
    expect(tell).not.toHaveBeenCalled();
    docker.tell('unpause', sandbox.id);
    await vi.waitFor(() => expect(tell).toHaveBeenCalledTimes(1));
    for (const stream of docker.events.splice(0)) stream.destroy();
    await vi.waitFor(() => expect(tell).toHaveBeenCalledTimes(2));
    sandbox.detach();
    expect(tell).toHaveBeenCalledTimes(3);
    unsubscribe();
    sandbox.detach();
    expect(tell).toHaveBeenCalledTimes(3);
  });

  it('tells a sandbox lost whose container went while nobody looked', async () => {
    const { sandbox, container } = await created();
    docker.events = [];
    docker.containers.delete(sandbox.id);
    container.agent.breakLine();

    expect(await gone(sandbox)).toBe('container_lost');
    await expect(sandbox.ready()).resolves.toBe(false);
  });

  it('does not blame memory for a container that went long after one program had run out of it', async () => {
    const { sandbox, container } = await created();
    docker.tell('oom', sandbox.id);
    await arrived();
    docker.events = [];
    docker.containers.delete(sandbox.id);
    container.agent.breakLine();

    expect(await gone(sandbox)).toBe('container_lost');
  });

  it('tells a sandbox lost and removes it when its agent answers no more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { sandbox, container } = await created();
    container.agent.answerHello = () => undefined;
    container.agent.breakLine();
    await arrived();
    expect(docker.attached).toHaveLength(2);
    const ready = sandbox.ready();
    await vi.advanceTimersByTimeAsync(10_000);

    await expect(ready).resolves.toBe(false);
    expect(sandbox.gone.reason).toBe('container_lost');
    expect(docker.removed).toContain(sandbox.id);
  });

  it('removes again when the first removal failed', async () => {
    const { sandbox } = await created();
    const remove = vi.mocked(Engine.prototype.remove);
    remove.mockRejectedValueOnce(refusal(500));
    await expect(sandbox.destroy()).rejects.toMatchObject({ statusCode: 500 });
    await sandbox.destroy();

    expect([...docker.containers]).toEqual([]);
  });

  it('does not attach again to sandboxes whose connections it closed', async () => {
    const { sandbox } = await created();
    await runtime.close();
    await arrived();
    await arrived();

    expect(docker.attached).toEqual([sandbox.id]);
  });

  it('does not give up a sandbox when the line breaks once more while it is mended', async () => {
    const { sandbox, container } = await created();
    let refusals = 1;
    docker.onAttach = (stream) => {
      if (refusals-- > 0) stream.destroy();
    };
    container.agent.breakLine();
    await arrived();
    await sandbox.ready().catch(() => false);
    await arrived();

    expect(docker.attached.length).toBeGreaterThan(1);
    expect(docker.removed).not.toContain(sandbox.id);
  });

  it('gives the agent its whole time to answer, however long the engine takes to start it', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const isStarting = new Promise<void>((begun) => {
      docker.onStart = () => {
        begun();
        return new Promise((resolve) => setTimeout(resolve, 11_000));
      };
    });
    const creating = runtime.create(SPEC);
    creating.catch(() => undefined);
    await isStarting;
    await vi.advanceTimersByTimeAsync(11_000);

    await expect(creating).resolves.toBeDefined();
  });

  // An 'error' event that nobody listens to ends the process.
  it('listens for errors of the stream from the beginning', async () => {
    const listening: number[] = [];
    docker.onStart = () => void listening.push(docker.streams[0]?.listenerCount('error') ?? 0);
    await created();

    expect(listening[0]).toBeGreaterThan(0);
  });

  it('is not ready when it was destroyed while its line was mended', async () => {
    const { sandbox, container } = await created();
    const { answerHello } = container.agent;
    let mending: Promise<boolean> | undefined;
    vi.mocked(Engine.prototype.remove).mockResolvedValueOnce();
    container.agent.answerHello = (nonce) => {
      mending = sandbox.ready();
      void sandbox.destroy();
      return answerHello(nonce);
    };
    container.agent.breakLine();
    await vi.waitFor(() => expect(mending).toBeDefined());
    await docker.die(sandbox.id, '0');

    expect(await mending).toBe(false);
  });

  it('tells the first failure though the disk cannot be freed either', async () => {
    vi.spyOn(WorkspaceDisks.prototype, 'make').mockResolvedValue({
      mount: { kind: 'tmpfs' },
      mounted: () => Promise.resolve(),
      discard: () => Promise.reject(new Error('losetup: device is busy')),
    });
    docker.onStart = () => {
      throw refusal(400, 'invalid CPUs');
    };

    await expect(runtime.create(SPEC)).rejects.toMatchObject({ kind: 'invalid_limits' });
  });

  it('leaves a sandbox running whose line is just being mended when the connections are closed', async () => {
    const { sandbox, container } = await created();
    const { answerHello } = container.agent;
    container.agent.answerHello = (nonce) => {
      void runtime.close();
      return answerHello(nonce);
    };
    container.agent.breakLine();
    for (let turn = 0; turn < 20; turn++) await arrived();

    expect(docker.removed).not.toContain(sandbox.id);
  });
});
