import { findLanguage, type Language, LANGUAGES, type SandboxLimits } from '#libs/runtime';

import { DomainError } from './domain-error.js';
import type { SessionsOptions } from './options.js';
import { type CreateSessionRequest, SESSION_DEFAULTS, type SessionConfig } from './session-config.js';

const BYTES_PER_MB = 1_048_576;
/** The agent keeps 128 KiB; the rest of a claim is small. */
const MAX_CLAIM_TEXT_BYTES = 100_000;

export function requireLanguage(name: string): Language {
  const language = findLanguage(name);
  if (language) return language;
  const supported = LANGUAGES.map((known) => known.name);
  throw new DomainError(
    'unsupported_language',
    `There is no language ${JSON.stringify(name)}; there are ${supported.join(', ')}.`,
    {
      supported,
    },
  );
}

/** The request with defaults filled in, refused where it asks for more than this server gives. */
export function completeConfig(request: CreateSessionRequest, options: SessionsOptions): SessionConfig {
  const config = { ...cappedDefaults(options), ...asked(request) };
  const quotas: [keyof SessionConfig, number][] = [
    ['memoryLimitMB', options.maxMemoryMB],
    ['cpuLimit', options.maxCpus],
    ['pidsLimit', options.maxPids],
    ['openFilesLimit', options.maxOpenFiles],
    ['diskLimitMB', options.maxDiskMB],
    ['tmpLimitMB', options.maxTmpMB],
    ['maxLifetimeMinutes', options.maxLifetimeMinutes],
  ];
  for (const [quota, limit] of quotas) requireWithin(quota, Number(config[quota]), limit);
  if (config.dockerImage !== undefined && !options.allowedImages.includes(config.dockerImage)) {
    throw new DomainError(
      'forbidden',
      `The image ${JSON.stringify(config.dockerImage)} is not on this server's list of allowed images.`,
      { image: config.dockerImage },
    );
  }
  return config;
}

/**
 * What a client says of its session must fit into what the sandbox's agent keeps of it.
 * @throws DomainError invalid_params
 */
export function requireClaimable({ env, labels, name }: CreateSessionRequest): void {
  const bytes = Buffer.byteLength(JSON.stringify({ env, labels, name }));
  if (bytes <= MAX_CLAIM_TEXT_BYTES) return;
  const message = `env, labels and name are ${bytes} bytes together; at most ${MAX_CLAIM_TEXT_BYTES} can be kept`;
  throw new DomainError('invalid_params', message, { violations: [{ field: 'env', message }] });
}

export function requireWithin(quota: string, asked: number, limit: number): void {
  if (asked <= limit) return;
  throw new DomainError('quota_exceeded', `${quota} is ${asked}, and this server gives at most ${limit}.`, {
    quota,
    limit,
  });
}

export function sandboxLimits(config: SessionConfig): SandboxLimits {
  return {
    memoryBytes: config.memoryLimitMB * BYTES_PER_MB,
    cpus: config.cpuLimit,
    ...(config.cpuShares === undefined ? {} : { cpuShares: config.cpuShares }),
    pids: config.pidsLimit,
    diskBytes: config.diskLimitMB * BYTES_PER_MB,
    tmpBytes: config.tmpLimitMB * BYTES_PER_MB,
    openFiles: config.openFilesLimit,
    network: config.network,
  };
}

/** A default must not be refused on a server that allows less. */
function cappedDefaults(options: SessionsOptions): SessionConfig {
  return {
    ...SESSION_DEFAULTS,
    memoryLimitMB: Math.min(SESSION_DEFAULTS.memoryLimitMB, options.maxMemoryMB),
    cpuLimit: Math.min(SESSION_DEFAULTS.cpuLimit, options.maxCpus),
    pidsLimit: Math.min(SESSION_DEFAULTS.pidsLimit, options.maxPids),
    openFilesLimit: Math.min(SESSION_DEFAULTS.openFilesLimit, options.maxOpenFiles),
    diskLimitMB: Math.min(SESSION_DEFAULTS.diskLimitMB, options.maxDiskMB),
    tmpLimitMB: Math.min(SESSION_DEFAULTS.tmpLimitMB, options.maxTmpMB),
    maxLifetimeMinutes: Math.min(SESSION_DEFAULTS.maxLifetimeMinutes, options.maxLifetimeMinutes),
  };
}

function asked(request: CreateSessionRequest): Partial<SessionConfig> {
  const { language: _language, env: _env, labels: _labels, name: _name, ...config } = request;
  return Object.fromEntries(Object.entries(config).filter(([, value]) => isGiven(value)));
}

/** A null says as little as nothing: taken for a limit, it would be none. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}
