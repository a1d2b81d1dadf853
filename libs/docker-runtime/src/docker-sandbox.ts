import { Logger } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';

import {
  AgentChannel,
  AgentClient,
  AgentError,
  AgentSilentError,
  ChannelLostError,
  type DiskLimitKind,
  RuntimeError,
  type Sandbox,
  type SandboxLimits,
  type SandboxLostReason,
} from '#libs/runtime';

import { AttachTransport } from './attach-transport.js';
import { changeableConfig, fileBytesOf } from './container-config.js';
import { type Engine, statusOf } from './engine.js';
import type { ContainerEvent, EngineWatch } from './engine-watch.js';
import { limitsRefused, lostWhileMade, paused, unreachable } from './refusals.js';

const HELLO_TIMEOUT_MS = 10_000;
const MAX_STDERR_LOGGED = 4_096;
/** Before each attempt to mend a line. */
const MEND_PAUSES_MS = [0, 100, 1_000];
const OOM_RECENT_MS = 2_000;
const SIGKILL_EXIT_CODE = '137';

interface Opening {
  /** Somebody spoke to this agent before. */
  readonly resync: boolean;
  readonly start?: () => Promise<void>;
}

export interface SandboxFacts {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly diskLimitKind: DiskLimitKind;
}

/** A container of ours with the attached line to its agent, which is mended when it breaks. */
export class DockerSandbox implements Sandbox {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly baseEnv: Readonly<Record<string, string>>;
  readonly diskLimitKind: DiskLimitKind;
  readonly tmpLimitKind = 'tmpfs';
  readonly agent = new AgentClient(() => this.line());
  private readonly logger = new Logger(DockerSandbox.name);
  private readonly ending = new AbortController();
  private channel: AgentChannel | undefined;
  private mending: Promise<boolean> | undefined;
  private destroying: Promise<void> | undefined;
  private detached = false;
  private wasKilled = false;
  private isPaused = false;
  private lastOomAt = Number.NEGATIVE_INFINITY;
  private readonly onEvent = (event: ContainerEvent): void => this.heed(event);
  private readonly onEngineUp = (): void => {
    this.ready().catch(() => undefined);
    this.tellBack();
  };
  private readonly backListeners = new Set<() => void>();

  constructor(
    facts: SandboxFacts,
    private readonly engine: Engine,
    private readonly watch: EngineWatch,
  ) {
    this.id = facts.id;
    this.labels = facts.labels;
    this.baseEnv = facts.baseEnv;
    this.diskLimitKind = facts.diskLimitKind;
    watch.on('container', this.onEvent);
    watch.on('up', this.onEngineUp);
  }

  get gone(): AbortSignal {
    return this.ending.signal;
  }

  /** Whether it went without anybody having asked the engine for it. */
  get diedByItself(): boolean {
    return this.ending.signal.reason === 'container_lost' && !this.wasKilled;
  }

  /**
   * Opens the line to the agent for the first time.
   * @param start makes the container run once it is attached to, so that none of the agent's words can be missed
   */
  async connect(options: Opening): Promise<void> {
    const opening = this.open(options).catch(async (error: unknown) => {
      throw await this.whyNever(error);
    });
    // As long as this goes on, nobody else may attach: a second hello would end what the first began.
    this.mending = opening.then(() => true).finally(() => (this.mending = undefined));
    this.mending.catch(() => undefined);
    await opening;
  }

  private async open(options: Opening): Promise<void> {
    const stream = await this.engine.attach(this.id);
    const transport = new AttachTransport(stream, (text) => this.logAgent(text));
    try {
      await options.start?.();
    } catch (error) {
      transport.close();
      throw error;
    }
    const { channel } = await AgentChannel.open(transport, {
      resync: options.resync,
      timeoutMs: HELLO_TIMEOUT_MS,
    });
    if (this.detached) {
      channel.close();
      throw new ChannelLostError();
    }
    this.channel = channel;
    channel.closed.addEventListener('abort', () => void this.ready().catch(() => undefined), { once: true });
  }

  ready(): Promise<boolean> {
    if (this.ending.signal.aborted) return Promise.resolve(false);
    if (this.detached) return Promise.reject(new ChannelLostError());
    if (this.isPaused) return this.whilePaused();
    if (this.channel && !this.channel.closed.aborted) return Promise.resolve(true);
    this.mending ??= this.mend().finally(() => (this.mending = undefined));
    return this.mending;
  }

  destroy(): Promise<void> {
    this.destroying ??= this.remove().catch((error: unknown) => {
      // A failed removal may be tried again: what is not gone must not be called gone.
      this.destroying = undefined;
      throw error;
    });
    return this.destroying;
  }

  async setLimits(limits: SandboxLimits): Promise<void> {
    const changes = changeableConfig(limits, fileBytesOf(limits, this.diskLimitKind));
    try {
      await this.engine.update(this.id, changes);
    } catch (error) {
      throw error instanceof RuntimeError ? error : limitsRefused(error);
    }
  }

  onBack(listener: () => void): () => void {
    this.backListeners.add(listener);
    return () => this.backListeners.delete(listener);
  }

  private tellBack(): void {
    for (const tell of this.backListeners) tell();
  }

  /** Ends the connection; the container goes on. */
  detach(): void {
    this.detached = true;
    this.watch.off('container', this.onEvent);
    this.watch.off('up', this.onEngineUp);
    this.channel?.close();
    // Whoever waits for it to be back learns that this server will not see it.
    this.tellBack();
  }

  private line(): AgentChannel {
    if (!this.channel || this.channel.closed.aborted) throw new ChannelLostError();
    return this.channel;
  }

  private async remove(): Promise<void> {
    this.end('destroyed');
    await this.engine.remove(this.id);
  }

  /** The first connection failed: perhaps because the container is no more. */
  private async whyNever(error: unknown): Promise<unknown> {
    const status = statusOf(error);
    if (!(error instanceof ChannelLostError) && status !== 404 && status !== 409) return error;
    const lost = await this.lostReasonIfKnown();
    if (lost) this.end(lost);
    const { aborted, reason } = this.ending.signal;
    return aborted && reason !== 'destroyed' ? lostWhileMade(reason as SandboxLostReason, error) : error;
  }

  /** What the events say may be old: an engine that was away tells nothing of the meantime. */
  private async whilePaused(): Promise<boolean> {
    const lost = await this.lostReason();
    this.isPaused = false;
    if (lost) this.end(lost);
    return this.ready();
  }

  private async mend(): Promise<boolean> {
    let failure: unknown;
    for (const pauseMs of MEND_PAUSES_MS) {
      if (pauseMs > 0) await delay(pauseMs);
      if (this.detached && !this.ending.signal.aborted) throw new ChannelLostError();
      const lost = await this.lostReason();
      if (this.ending.signal.aborted) return false;
      if (lost) {
        this.end(lost);
        // The engine removes what has ended, unless it was away at that moment. What fails here is done by the clean-up.
        await this.engine.remove(this.id).catch((error: unknown) => this.logger.warn(error));
        return false;
      }
      failure = await this.open({ resync: true }).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return true;
      if (this.ending.signal.aborted) return false;
      if (failure instanceof RuntimeError) throw failure;
      if (!(failure instanceof ChannelLostError) || failure instanceof AgentSilentError) break;
    }
    // A line that is refused or breaks at once is what an engine that is going down looks like; no reason to give its
    // sandbox up. Nor is silence, when it was paused meanwhile.
    if (!(failure instanceof AgentSilentError || failure instanceof AgentError)) throw unreachable(failure);
    await this.lostReason();
    this.logger.warn({ message: 'a sandbox runs but its agent does not answer', containerId: this.id });
    this.end('container_lost');
    await this.engine.remove(this.id);
    return false;
  }

  private lostReasonIfKnown(): Promise<SandboxLostReason | undefined> {
    return this.lostReason().catch(() => undefined);
  }

  /** @throws RuntimeError sandbox_paused, engine_unavailable */
  private async lostReason(): Promise<SandboxLostReason | undefined> {
    try {
      const { State } = await this.engine.inspect(this.id);
      if (State.Paused) throw paused();
      if (State.Running) return undefined;
      return State.OOMKilled ? this.deathReason(String(State.ExitCode)) : 'container_lost';
    } catch (error) {
      if (statusOf(error) === 404) return 'container_lost';
      throw error instanceof RuntimeError ? error : unreachable(error);
    }
  }

  /**
   * The agent is PID 1: memory ended the sandbox only when the agent itself was killed, just after memory ran out, and
   * not by somebody who asked the engine for it.
   */
  private deathReason(exitCode: string | undefined): SandboxLostReason {
    const oomIsRecent = Date.now() - this.lastOomAt < OOM_RECENT_MS;
    return oomIsRecent && !this.wasKilled && exitCode === SIGKILL_EXIT_CODE ? 'out_of_memory' : 'container_lost';
  }

  private heed(event: ContainerEvent): void {
    if (event.id !== this.id) return;
    if (event.action === 'oom') this.lastOomAt = Date.now();
    if (event.action === 'kill') this.wasKilled = true;
    if (event.action === 'pause') this.isPaused = true;
    if (event.action === 'unpause') {
      this.isPaused = false;
      this.tellBack();
    }
    if (event.action === 'die') this.end(this.deathReason(event.attributes['exitCode']));
    if (event.action === 'destroy') this.end('container_lost');
  }

  private end(reason: SandboxLostReason | 'destroyed'): void {
    if (this.ending.signal.aborted) return;
    this.ending.abort(reason);
    this.detach();
  }

  private logAgent(text: string): void {
    this.logger.warn({
      message: 'the agent wrote to stderr',
      containerId: this.id,
      text: text.slice(0, MAX_STDERR_LOGGED),
    });
  }
}
