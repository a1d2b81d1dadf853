import { findLanguage, RuntimeError, type SandboxRuntime } from '#libs/runtime';

import { CHECKS } from './checks/index.js';
import type { Check, Need } from './check.js';
import { fail, type Finding, unknown, type Verdict } from './finding.js';
import { type Host, type HostSettings, kernelOf, type ProbeFacts } from './host.js';
import { machineFacts } from './machine.js';
import { probe } from './probes/probes.js';

/** What the doctor is told; the application's configuration provides it. */
export interface DoctorOptions extends HostSettings {
  readonly imageTag: string;
}

export interface Report {
  readonly checkedAt: string;
  /** What the verdicts are true of. */
  readonly host: Readonly<Record<string, string>>;
  readonly totals: Readonly<Record<Verdict, number>>;
  /** Known ways out of a sandbox that are open here, by their CVEs. */
  readonly escapes: readonly string[];
  readonly findings: readonly Finding[];
}

/** Looks at what this host gives to sandboxes, and says what to do about it. */
export class Doctor {
  constructor(
    private readonly runtime: SandboxRuntime,
    private readonly options: DoctorOptions,
  ) {}

  /**
   * What can be told without making a sandbox: milliseconds. Checks that cannot be made so are left out.
   * @throws RuntimeError engine_unavailable
   */
  async quick(): Promise<Report> {
    const host = await this.look();
    const known: Need[] = host.machine ? ['machine', 'kernel'] : [];
    return report(
      host,
      CHECKS.filter(({ needs }) => needs.every((need) => known.includes(need))),
    );
  }

  /**
   * Every check, some of them by a real sandbox: seconds. Without an engine the report says so, and no more.
   * @param signal ends it early; the promise is rejected with its reason, and no sandbox is left
   */
  async full(signal?: AbortSignal): Promise<Report> {
    let host: Host;
    try {
      host = await this.look();
    } catch (error) {
      if (error instanceof RuntimeError) return withoutEngine(error.message);
      throw error;
    }
    return report({ ...host, probes: await this.probe(signal) }, CHECKS);
  }

  private async look(): Promise<Host> {
    const engine = await this.runtime.facts();
    const settings = this.options;
    if (!engine.isLocal) return { engine, settings };
    return { engine, settings, machine: await machineFacts(engine, settings) };
  }

  private async probe(signal?: AbortSignal): Promise<ProbeFacts | string> {
    const image = `${findLanguage('python')?.image ?? ''}:${this.options.imageTag}`;
    try {
      return await probe(this.runtime, image, this.options, signal);
    } catch (error) {
      signal?.throwIfAborted();
      return `No sandbox could be used: ${reasonsOf(error).join(' – ')}`;
    }
  }
}

/** An error's words and those of what it came from: whoever calls the doctor may see the engine's own. */
function reasonsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  return [error.message, ...(error.cause === undefined ? [] : reasonsOf(error.cause))];
}

/** What the checks say of a host. */
export function report(host: Host, checks: readonly Check[]): Report {
  const versions = host.engine.components.map(({ name, version }) => [name, version]);
  const facts = {
    kernel: host.engine.kernel,
    operatingSystem: host.engine.operatingSystem,
    product: host.engine.product,
    ...Object.fromEntries(versions),
  };
  return reportOf(
    facts,
    checks.map((check) => examine(check, host)),
  );
}

function examine(check: Check, host: Host): Finding {
  const isElsewhere =
    (check.needs.includes('machine') && !host.machine) || (check.needs.includes('kernel') && !kernelOf(host));
  const judgement = isElsewhere
    ? unknown('The engine runs on another machine, or outside of this container.', 'Run npm run doctor there.')
    : check.judge(host);
  return { id: check.id, title: check.title, escapes: [], ...judgement };
}

function withoutEngine(message: string): Report {
  const mend = 'bash scripts/engine.sh finds, installs or starts one; DOCKER_HOST says where one is.';
  return reportOf({}, [{ id: 'engine', title: 'engine', escapes: [], ...fail(message, mend) }]);
}

function reportOf(host: Readonly<Record<string, string>>, findings: readonly Finding[]): Report {
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  return {
    checkedAt: new Date().toISOString(),
    host,
    totals: { ok: count('ok'), warn: count('warn'), fail: count('fail'), unknown: count('unknown') },
    escapes: findings.flatMap(({ escapes }) => escapes),
    findings,
  };
}
