import { Injectable } from '@nestjs/common';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { CommandsService } from '#libs/commands';
import { SandboxRuntime } from '#libs/runtime';
import { type PoolCounts, SessionsService } from '#libs/sessions';

import { ExecutionsService } from '../executions/executions.service.js';
import { describeError } from '../gateway/errors.js';
import { EngineProbe } from './engine-probe.js';

const MS_PER_SECOND = 1_000;
/** From a sandbox of the pool to an engine that is hardly there. */
const CREATE_SECONDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** The event loop is looked at so often; Node.js would wake a hundred times a second. */
const LOOK_MS = 50;

/** What the server tells of itself in numbers. Nothing of a tenant is a label: neither ids nor names. */
@Injectable()
export class MetricsService {
  private readonly registry = new Registry();

  constructor(
    sessions: SessionsService,
    commands: CommandsService,
    executions: ExecutionsService,
    runtime: SandboxRuntime,
  ) {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: LOOK_MS });
    this.aboutSessions(sessions);
    this.aboutPool(sessions);
    this.aboutCreates(sessions);
    this.aboutCommands(commands);
    const line = this.gauge('executions', 'Executions by execution.run, running and waiting.', ['state'], () => {
      const { running, waiting } = executions.load;
      line.set({ state: 'running' }, running);
      line.set({ state: 'waiting' }, waiting);
    });
    const engine = new EngineProbe(runtime);
    const up = this.gauge('engine_up', 'Whether the engine answers: 1 or 0.', [], async () => {
      up.set((await engine.isUp()) ? 1 : 0);
    });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** All of it, as Prometheus text. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  private aboutSessions(sessions: SessionsService): void {
    const states = this.gauge('sessions', 'Live sessions: active while a command runs, else idle.', ['state'], () => {
      const { active, idle } = sessions.load;
      states.set({ state: 'active' }, active);
      states.set({ state: 'idle' }, idle);
    });
    const queue = this.gauge('session_creates_waiting', 'Creates of sessions that wait for their turn.', [], () => {
      queue.set(sessions.load.waiting);
    });
  }

  private aboutPool(sessions: SessionsService): void {
    const gauge = (name: string, help: string, value: (counts: PoolCounts) => number): void => {
      const metric = this.gauge(`pool_${name}`, help, [], () => metric.set(value(sessions.poolCounts)));
    };
    const counter = (name: string, help: string, value: (counts: PoolCounts) => number): void => {
      const metric = this.counter(`pool_${name}_total`, help, [], () => {
        metric.reset();
        metric.inc(value(sessions.poolCounts));
      });
    };
    gauge('idle', 'Sandboxes that are ready.', ({ idle }) => idle);
    gauge('filling', 'Sandboxes that are being made ahead.', ({ filling }) => filling);
    gauge('oldest_age_seconds', 'Of the one that has been ready longest; 0 when none is.', ({ oldestAgeMs }) => {
      return (oldestAgeMs ?? 0) / MS_PER_SECOND;
    });
    counter('hits', 'Sessions that got one that was ready.', ({ hits }) => hits);
    counter('resized', 'Those of them whose limits were changed first.', ({ resized }) => resized);
    counter('misses', 'Sessions for which none was ready.', ({ misses }) => misses);
    counter('discarded', 'Taken out unused.', ({ discarded }) => discarded);
  }

  private aboutCreates(sessions: SessionsService): void {
    const durations = new Histogram({
      ...this.named('session_create_duration_seconds', 'How long sessions took to be made once their turn had come.'),
      labelNames: ['source'],
      buckets: CREATE_SECONDS,
    });
    const ages = new Histogram({
      ...this.named('pool_hit_age_seconds', 'How long sandboxes of the pool had been ready when they were handed out.'),
      buckets: [1, 10, 60, 300, 1_800, 7_200],
    });
    const failures = this.counter('session_create_failures_total', 'Sessions that could not be made.', ['reason']);
    sessions.onCreate({
      made: ({ source, durationMs, readyMs }) => {
        durations.observe({ source }, durationMs / MS_PER_SECOND);
        if (readyMs !== undefined) ages.observe(readyMs / MS_PER_SECOND);
      },
      failed: (error) => failures.inc({ reason: reasonOf(error) }),
    });
  }

  private aboutCommands(commands: CommandsService): void {
    const ends = this.counter('commands_total', 'Commands of sessions and executions that have ended.', [
      'type',
      'end',
    ]);
    commands.onEnd((type, end) => ends.inc({ type, end }));
  }

  private gauge(name: string, help: string, labelNames: string[], collect: () => void | Promise<void>): Gauge {
    return new Gauge({ ...this.named(name, help), labelNames, collect });
  }

  private counter(name: string, help: string, labelNames: string[], collect?: () => void): Counter {
    return new Counter({ ...this.named(name, help), labelNames, ...(collect ? { collect } : {}) });
  }

  private named(name: string, help: string): { name: string; help: string; registers: Registry[] } {
    return { name: `codebeaker_${name}`, help, registers: [this.registry] };
  }
}

function reasonOf(error: unknown): string {
  const reason = describeError(error)?.data?.['reason'];
  return typeof reason === 'string' ? reason : 'internal_error';
}
