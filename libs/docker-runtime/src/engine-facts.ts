import type { EngineComponent, EngineFacts } from '#libs/runtime';

type Fields = Readonly<Record<string, unknown>>;

/** What the engine has answered, and from where it was asked. */
export interface Answers {
  /** Of `GET /info`. */
  readonly info: unknown;
  /** Of `GET /version`. */
  readonly version: unknown;
  readonly dockerHost: string;
  /** This machine's name. */
  readonly hostName: string;
  /** This machine's clock when `info` was answered, ms since 1970. */
  readonly now: number;
}

/** Other engines with Docker's API leave fields out: what is missing is empty or false. */
export function engineFacts(answers: Answers): EngineFacts {
  const [info, version] = [fieldsOf(answers.info), fieldsOf(answers.version)];
  const unix = 'unix://';
  const socket = answers.dockerHost.startsWith(unix) ? answers.dockerHost.slice(unix.length) : undefined;
  const clock = Date.parse(textOf(info['SystemTime']));
  return {
    product: textOf(fieldsOf(version['Platform'])['Name']) || 'docker',
    components: componentsOf(version),
    kernel: textOf(info['KernelVersion']) || textOf(version['KernelVersion']),
    operatingSystem: textOf(info['OperatingSystem']),
    isLocal: socket !== undefined && textOf(info['Name']) === answers.hostName,
    reachedBy: socket !== undefined ? 'socket' : answers.dockerHost.startsWith('https:') ? 'tls' : 'tcp',
    ...(socket === undefined ? {} : { socket }),
    cgroupVersion: textOf(info['CgroupVersion']),
    enforces: {
      memory: info['MemoryLimit'] === true,
      swap: info['SwapLimit'] === true,
      pids: info['PidsLimit'] === true,
      cpu: info['CpuCfsQuota'] === true,
    },
    securityOptions: listOf(info['SecurityOptions']).map(textOf),
    defaultRuntime: textOf(info['DefaultRuntime']),
    runtimes: Object.keys(fieldsOf(info['Runtimes'])),
    rootDirectory: textOf(info['DockerRootDir']),
    ...(Number.isNaN(clock) ? {} : { clockOffsetMs: clock - answers.now }),
  };
}

function componentsOf(version: Fields): EngineComponent[] {
  return listOf(version['Components']).map((component) => {
    const { Name, Version, Details } = fieldsOf(component);
    return { name: textOf(Name), version: textOf(Version), build: textOf(fieldsOf(Details)['GitCommit']) };
  });
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
