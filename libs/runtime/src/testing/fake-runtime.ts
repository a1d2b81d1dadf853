import { AgentChannel } from '../agent/agent-channel.js';
import { AgentClient } from '../agent/agent-client.js';
import { ChannelLostError } from '../agent/agent-error.js';
import type { EngineFacts } from '../engine-facts.js';
import { RuntimeError } from '../runtime-error.js';
import type { Sandbox, SandboxLimits, SandboxLostReason, SandboxRecord, SandboxSpec } from '../sandbox.js';
import { type ImageStatus, SandboxRuntime } from '../sandbox-runtime.js';
import { FakeAgent } from './fake-agent.js';

export const FAKE_IMAGE = 'codebeaker-python:latest';
const HELLO_TIMEOUT_MS = 1_000;

const FACTS: EngineFacts = {
  product: 'fake',
  components: [{ name: 'Engine', version: '1', build: '' }],
  kernel: '1.0.0',
  operatingSystem: 'Fake Linux',
  isLocal: false,
  reachedBy: 'tls',
  cgroupVersion: '2',
  enforces: { memory: true, swap: true, pids: true, cpu: true },
  securityOptions: ['name=seccomp,profile=default'],
  defaultRuntime: 'fake',
  runtimes: ['fake'],
  rootDirectory: '/fake',
  clockOffsetMs: 0,
};

/** One sandbox as the engine has it; outlives the runtimes that speak to it. */
export interface FakeContainer {
  readonly id: string;
  readonly spec: SandboxSpec;
  readonly agent: FakeAgent;
  running: boolean;
  /** As they are now; `spec` has those that it was made with. */
  limits: SandboxLimits;
  createdAt: Date;
  lost: SandboxLostReason;
}

/** What runs the fake sandboxes: several runtimes, one after the other as after a restart, share one. */
export class FakeEngine {
  readonly images = new Set(
    ['python', 'python-data', 'nodejs', 'golang', 'dotnet'].map((language) => `codebeaker-${language}:latest`),
  );
  readonly containers = new Map<string, FakeContainer>();
  /** Every spec that a sandbox was asked for with. */
  readonly specs: SandboxSpec[] = [];
  isAway = false;
  /** Called with each new sandbox before anybody speaks to it. */
  onAdd: (container: FakeContainer) => void = () => undefined;
  private made = 0;
  private readonly backListeners = new Set<() => void>();
  private readonly watchers = new Set<(id: string) => void>();

  add(spec: SandboxSpec): FakeContainer {
    const id = `fake${++this.made}`;
    const container: FakeContainer = {
      id,
      spec,
      agent: new FakeAgent(),
      running: true,
      limits: spec.limits,
      createdAt: new Date(),
      lost: 'container_lost',
    };
    this.containers.set(id, container);
    this.onAdd(container);
    return container;
  }

  /** The container dies by itself: the engine removes it. */
  lose(id: string, reason: SandboxLostReason): void {
    const container = this.containers.get(id);
    if (!container) return;
    container.lost = reason;
    this.remove(id);
  }

  remove(id: string): void {
    const container = this.containers.get(id);
    if (!container) return;
    this.containers.delete(id);
    container.running = false;
    for (const tell of this.watchers) tell(id);
    container.agent.breakLine();
  }

  onBack(listener: () => void): () => void {
    this.backListeners.add(listener);
    return () => this.backListeners.delete(listener);
  }

  /** It is there again. */
  comeBack(): void {
    this.isAway = false;
    for (const tell of this.backListeners) tell();
  }

  watch(tell: (id: string) => void): () => void {
    this.watchers.add(tell);
    return () => this.watchers.delete(tell);
  }

  requireUp(): void {
    if (this.isAway) throw new RuntimeError('engine_unavailable', 'The fake engine is away.');
  }
}

/** A SandboxRuntime without an engine: sandboxes are {@link FakeAgent}s in memory. Passes `describeRuntime`. */
export class FakeRuntime extends SandboxRuntime {
  /** Called within each create, before the sandbox is there: holds it up, or makes it fail. */
  onCreate: (spec: SandboxSpec) => void | Promise<void> = () => undefined;
  /** Called within each destroy, before anything is removed. */
  onDestroy: (id: string) => void | Promise<void> = () => undefined;
  /** Ids in the order in which `remove` was asked for them. */
  readonly removed: string[] = [];
  /** Ids in the order in which `adopt` was asked for them. */
  readonly adopted: string[] = [];
  /** How often `tidy` was asked for. */
  tidied = 0;
  isClosed = false;
  private readonly sandboxes = new Set<FakeSandbox>();

  constructor(readonly engine = new FakeEngine()) {
    super();
  }

  async create(spec: SandboxSpec): Promise<FakeSandbox> {
    this.engine.requireUp();
    if (!this.engine.images.has(spec.image)) {
      throw new RuntimeError('image_unavailable', `The image ${spec.image} is not there.`, { image: spec.image });
    }
    this.engine.specs.push(spec);
    await this.onCreate(spec);
    return this.connect(this.engine.add(spec));
  }

  async list(): Promise<SandboxRecord[]> {
    this.engine.requireUp();
    return [...this.engine.containers.values()].map(({ id, spec, running, createdAt }) => ({
      id,
      labels: spec.labels,
      running,
      createdAt,
    }));
  }

  async adopt(record: SandboxRecord): Promise<FakeSandbox> {
    this.engine.requireUp();
    this.adopted.push(record.id);
    const container = this.engine.containers.get(record.id);
    if (!container?.running) throw new RuntimeError('sandbox_failed', 'There is no such sandbox.');
    return this.connect(container);
  }

  async remove(id: string): Promise<void> {
    this.engine.requireUp();
    this.removed.push(id);
    this.engine.remove(id);
  }

  async tidy(): Promise<void> {
    this.engine.requireUp();
    this.tidied++;
  }

  async imageStatus(image: string): Promise<ImageStatus> {
    this.engine.requireUp();
    return this.engine.images.has(image)
      ? { image, available: true, id: `sha256:${image}` }
      : { image, available: false };
  }

  async ping(): Promise<{ engine: string; version: string }> {
    this.engine.requireUp();
    return { engine: 'fake', version: '1' };
  }

  async facts(): Promise<EngineFacts> {
    this.engine.requireUp();
    return FACTS;
  }

  onBack(listener: () => void): void {
    this.engine.onBack(listener);
  }

  /** The engine is there again. */
  comeBack(): void {
    this.engine.comeBack();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    for (const sandbox of this.sandboxes) sandbox.detach();
  }

  private async connect(container: FakeContainer): Promise<FakeSandbox> {
    const sandbox = new FakeSandbox(container, this.engine, (id) => this.onDestroy(id));
    await sandbox.ready();
    this.sandboxes.add(sandbox);
    sandbox.gone.addEventListener('abort', () => this.sandboxes.delete(sandbox), { once: true });
    return sandbox;
  }
}

export class FakeSandbox implements Sandbox {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly baseEnv: Readonly<Record<string, string>> = { PATH: '/usr/bin', FROM_IMAGE: 'yes', HOME: '/root' };
  readonly diskLimitKind = 'tmpfs';
  readonly tmpLimitKind = 'tmpfs';
  readonly agent = new AgentClient(() => this.line());
  private readonly ending = new AbortController();
  private readonly unwatch: () => void;
  private channel: AgentChannel | undefined;
  private destroying: Promise<void> | undefined;

  constructor(
    readonly container: FakeContainer,
    private readonly engine: FakeEngine,
    private readonly onDestroy: (id: string) => void | Promise<void>,
  ) {
    this.id = container.id;
    this.labels = container.spec.labels;
    this.unwatch = engine.watch((id) => {
      if (id === this.id) this.end(this.container.lost);
    });
  }

  get gone(): AbortSignal {
    return this.ending.signal;
  }

  async ready(): Promise<boolean> {
    if (this.ending.signal.aborted) return false;
    if (this.channel && !this.channel.closed.aborted) return true;
    this.engine.requireUp();
    const { channel } = await AgentChannel.open(this.container.agent.attach(), {
      resync: this.channel !== undefined,
      timeoutMs: HELLO_TIMEOUT_MS,
    });
    this.channel = channel;
    return true;
  }

  destroy(): Promise<void> {
    this.destroying ??= this.remove().catch((error: unknown) => {
      this.destroying = undefined;
      throw error;
    });
    return this.destroying;
  }

  async setLimits(limits: SandboxLimits): Promise<void> {
    this.engine.requireUp();
    this.container.limits = limits;
  }

  onBack(listener: () => void): () => void {
    return this.engine.onBack(listener);
  }

  detach(): void {
    this.unwatch();
    this.channel?.close();
  }

  private line(): AgentChannel {
    if (!this.channel || this.channel.closed.aborted) throw new ChannelLostError();
    return this.channel;
  }

  private async remove(): Promise<void> {
    this.end('destroyed');
    this.engine.requireUp();
    await this.onDestroy(this.id);
    this.engine.remove(this.id);
  }

  private end(reason: SandboxLostReason | 'destroyed'): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort(reason);
    this.detach();
  }
}
