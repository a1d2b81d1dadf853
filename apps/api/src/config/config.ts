import {
  IsBoolean,
  IsIn,
  IsInt,
  IsNotEmpty,
  IsNumber,
  IsOptional,
  IsString,
  Matches,
  Max,
  Min,
  Validate,
  validateSync,
} from 'class-validator';
import { randomBytes } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { availableParallelism } from 'node:os';

import { Env, envSettings, flag, list, number } from './env.js';
import { interpreterLanguages, languages } from './language-names.js';
import { CronRule, InterpretersRule, LanguagesRule, OriginsRule, StateDirectoryRule } from './rules.js';

const MIB = 1_048_576;
const MAX_PORT = 65_535;
/** A longer timer of Node's fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Every setting of the server: its environment name, its default, and what it may be. */
export class Config {
  @Env('HOST', 'Address to listen on. Anything but a loopback address lets others run code here.')
  @IsString()
  @IsNotEmpty()
  host = '127.0.0.1';

  @Env('PORT', 'Port of HTTP and WebSocket; 0 takes a free one.', number)
  @IsInt()
  @Min(0)
  @Max(MAX_PORT)
  port = 5000;

  @Env('TLS_PORT', 'Port of HTTPS and WSS, used when a certificate and a key are given.', number)
  @IsInt()
  @Min(0)
  @Max(MAX_PORT)
  tlsPort = 5001;

  @Env('TLS_CERT_FILE', 'PEM file with the certificate chain.')
  @IsOptional()
  @IsString()
  tlsCertFile?: string;

  @Env('TLS_KEY_FILE', 'PEM file with the private key.')
  @IsOptional()
  @IsString()
  tlsKeyFile?: string;

  @Env(
    'ALLOWED_ORIGINS',
    'Web pages that may connect, separated by commas, as `https://host`. Default: none. Files and events are read at 127.0.0.1 by address, as `localhost`, or under a host of this list.',
    list,
  )
  @Validate(OriginsRule)
  allowedOrigins: string[] = [];

  @Env(
    'MULTI_TENANT',
    'Whether people use it who must not see each other: then it does not start on a host with a known way out of a sandbox. Default: unless HOST is a loopback address.',
    flag,
  )
  @IsOptional()
  @IsBoolean()
  multiTenant?: boolean;

  @Env('ALLOW_KNOWN_ESCAPES', 'Starts for several tenants on such a host all the same: `true` or `false`.', flag)
  @IsBoolean()
  allowKnownEscapes = false;

  @Env('DOCKER_HOST', 'The engine: `unix:///path`, `tcp://host:port` or `https://host:port`.')
  @Matches(/^(unix:\/\/\/.|(tcp|https?):\/\/[^/:]+)/, {
    message: 'must be unix:///path, tcp://host:port or https://host:port',
  })
  dockerHost = 'unix:///var/run/docker.sock';

  @Env('ENGINE_TIMEOUT_MS', 'Limit of one call to the engine.', number)
  @IsInt()
  @Min(100)
  @Max(MAX_TIMER_MS)
  engineTimeoutMs = 30_000;

  @Env(
    'SERVER_ID',
    "Tells this server's containers from another's on the same engine. Default: `codebeaker-` and the port.",
  )
  @IsOptional()
  @Matches(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/, {
    message: 'must be 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or a digit',
  })
  serverId?: string;

  @Env('OCI_RUNTIME', "Runtime of the sandboxes (`crun`, `kata`, …), not gVisor. Default: the engine's.")
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  ociRuntime?: string;

  @Env('IMAGE_TAG', 'Tag of the `codebeaker-…` images.')
  @Matches(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, {
    message: 'must be 1 to 128 letters, digits, underscores, dots or dashes, the first no dot or dash',
  })
  imageTag = 'latest';

  @Env('ALLOWED_IMAGES', 'Images that `dockerImage` may name, separated by commas. Default: none.', list)
  @IsString({ each: true })
  allowedImages: string[] = [];

  @Env('DISK_LIMIT', 'How the size of /workspace is enforced: `auto`, `loop-ext4` or `tmpfs`.')
  @IsIn(['auto', 'loop-ext4', 'tmpfs'])
  diskLimit: 'auto' | 'loop-ext4' | 'tmpfs' = 'auto';

  @Env('STATE_DIRECTORY', 'Holds the files behind loop-mounted workspaces.')
  @IsString()
  @IsNotEmpty()
  @Validate(StateDirectoryRule)
  stateDirectory = '/var/lib/codebeaker';

  @Env(
    'DISK_OVERCOMMIT',
    'Whether loop-mounted workspaces take space only as they fill, so that a full host loses what they write: `true` or `false`.',
    flag,
  )
  @IsBoolean()
  diskOvercommit = false;

  @Env('MAX_SESSIONS', 'Live sessions at once.', number)
  @IsInt()
  @Min(1)
  maxSessions = 100;

  @Env('MAX_CONCURRENT_CREATES', 'Containers that the engine makes at once; more wait their turn.', number)
  @IsInt()
  @Min(1)
  maxConcurrentCreates = 4;

  @Env('MAX_QUEUED_CREATES', 'Creates of sessions that may wait beyond these two; more are refused.', number)
  @IsInt()
  @Min(0)
  maxQueuedCreates = 1000;

  @Env(
    'MAX_CREATE_WAIT_MS',
    'The longest that one of them waits, and the most that its `maxWaitMs` may ask for.',
    number,
  )
  @IsInt()
  @Min(0)
  @Max(MAX_TIMER_MS)
  maxCreateWaitMs = 300_000;

  @Env(
    'POOL_SIZE',
    'Sandboxes ready ahead for each language and set of limits that was asked for lately; 0 makes none.',
    number,
  )
  @IsInt()
  @Min(0)
  poolSize = 2;

  @Env('POOL_MAX_CONTAINERS', 'Sandboxes ready ahead at most; never more than MAX_SESSIONS leaves.', number)
  @IsInt()
  @Min(0)
  poolMaxContainers = 8;

  @Env('POOL_MEMORY_MB', 'The `memoryLimitMB` of all that is ready ahead, together.', number)
  @IsInt()
  @Min(0)
  poolMemoryMB = 4096;

  @Env('POOL_KEEP_MINUTES', 'What nobody has asked for so long is no longer kept ready.', number)
  @IsNumber()
  @Min(0.01)
  poolKeepMinutes = 10;

  @Env('POOL_FREE_MEMORY_MB', "With less of this machine's memory available, nothing is kept ready.", number)
  @IsInt()
  @Min(0)
  poolFreeMemoryMB = 512;

  @Env(
    'POOL_LANGUAGES',
    'Languages of which sandboxes are ready from the start on, separated by commas. Default: those asked for lately.',
    languages,
  )
  @Validate(LanguagesRule)
  poolLanguages: string[] = [];

  @Env(
    'POOL_INTERPRETERS',
    'Languages in whose sandboxes an interpreter waits for the first context while they are ready ahead. Empty: none.',
    interpreterLanguages,
    'is a value',
  )
  @Validate(InterpretersRule)
  poolInterpreters: string[] = ['python'];

  @Env('MAX_MEMORY_MB', 'The most `memoryLimitMB` that a session may ask for.', number)
  @IsInt()
  @Min(16)
  maxMemoryMB = 4096;

  @Env('MAX_CPUS', "The most `cpuLimit` that a session may ask for. Default: this machine's CPUs.", number)
  @IsNumber()
  @Min(0.01)
  maxCpus = availableParallelism();

  @Env('MAX_PIDS', 'The most `pidsLimit` that a session may ask for.', number)
  @IsInt()
  @Min(1)
  maxPids = 4096;

  @Env(
    'MAX_OPEN_FILES',
    "The most `openFilesLimit` that a session may ask for; at most the engine's own hard limit.",
    number,
  )
  @IsInt()
  @Min(64)
  @Max(1_048_576)
  maxOpenFiles = 16_384;

  @Env('MAX_DISK_MB', 'The most `diskLimitMB` that a session may ask for.', number)
  @IsInt()
  @Min(1)
  maxDiskMB = 10_240;

  @Env('MAX_TMP_MB', 'The most `tmpLimitMB` that a session may ask for.', number)
  @IsInt()
  @Min(1)
  maxTmpMB = 1024;

  @Env('MAX_LIFETIME_MINUTES', 'The most `maxLifetimeMinutes` that a session may ask for.', number)
  @IsNumber()
  @Min(0.01)
  maxLifetimeMinutes = 1440;

  @Env('CLEAN_UP_CRON', 'When overdue sessions are ended: a cron expression with seconds.')
  @Validate(CronRule)
  cleanUpCron = '*/10 * * * * *';

  @Env('ORPHAN_AGE_SECONDS', 'A container of no session is removed once it is so old, and clocks may differ.', number)
  @IsInt()
  @Min(1)
  orphanAgeSeconds = 60;

  @Env('MAX_TIMEOUT_MS', 'The longest `timeoutMs` of a command or a background process.', number)
  @IsInt()
  @Min(1)
  @Max(MAX_TIMER_MS)
  maxTimeoutMs = 3_600_000;

  @Env('KEPT_OUTPUT_BYTES', 'Bytes of each output stream that a reply holds.', number)
  @IsInt()
  @Min(1)
  @Max(64 * MIB)
  keptOutputBytes = MIB;

  @Env(
    'OUTPUT_LIMIT_BYTES',
    'Bytes of output beyond which a program, or a background process, is killed (`output_limit`).',
    number,
  )
  @IsInt()
  @Min(1)
  outputLimitBytes = 256 * MIB;

  @Env('MAX_READ_BYTES', 'The most that one `read_file` answers with.', number)
  @IsInt()
  @Min(1)
  @Max(64 * MIB)
  maxReadBytes = 8 * MIB;

  @Env('MAX_SESSION_CONTEXTS', 'Contexts (interpreters that keep their state) of one session at once.', number)
  @IsInt()
  @Min(1)
  @Max(48)
  maxSessionContexts = 8;

  @Env('MAX_RESULT_BYTES', 'Bytes that the results of one cell of a context may take together.', number)
  @IsInt()
  @Min(1024)
  @Max(64 * MIB)
  maxResultBytes = 8 * MIB;

  @Env('MAX_RUNNING_EXECUTIONS', 'Executions by `execution.run` at once; more are queued.', number)
  @IsInt()
  @Min(1)
  maxRunningExecutions = 4;

  @Env('MAX_QUEUED_EXECUTIONS', 'Executions that may wait; more are refused.', number)
  @IsInt()
  @Min(0)
  maxQueuedExecutions = 1000;

  @Env('MAX_TRANSFERS', 'Uploads and downloads of files over HTTP at once; more are refused (429).', number)
  @IsInt()
  @Min(1)
  maxTransfers = 64;

  @Env('MAX_SESSION_TRANSFERS', 'The same, of one session.', number)
  @IsInt()
  @Min(1)
  maxSessionTransfers = 16;

  @Env('TRANSFER_IDLE_SECONDS', 'A transfer on whose connection nothing moves for so long is cut off.', number)
  @IsInt()
  @Min(1)
  @Max(86_400)
  transferIdleSeconds = 60;

  @Env('KEPT_EVENTS', 'Latest status events that a subscriber can still come back to.', number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  keptEvents = 10_000;

  @Env('MAX_SUBSCRIPTIONS', 'Subscriptions to status events at once, of both channels; more are refused.', number)
  @IsInt()
  @Min(1)
  maxSubscriptions = 1000;

  @Env('MAX_FRAME_BYTES', 'Largest WebSocket frame that is accepted.', number)
  @IsInt()
  @Min(1024)
  @Max(1024 * MIB)
  maxFrameBytes = 16 * MIB;

  @Env('MAX_IN_FLIGHT', 'Requests of one connection that run at once; more are refused (`rate_limited`).', number)
  @IsInt()
  @Min(1)
  maxInFlight = 256;

  @Env('MAX_CONNECTIONS', 'Open WebSocket connections.', number)
  @IsInt()
  @Min(1)
  maxConnections = 1000;

  @Env('HEARTBEAT_SECONDS', 'How often a silent client is pinged; one that misses a whole interval is cut off.', number)
  @IsInt()
  @Min(1)
  @Max(86_400)
  heartbeatSeconds = 30;

  @Env('LOG_LEVEL', '`fatal`, `error`, `warn`, `info`, `debug`, `trace` or `silent`.')
  @IsIn(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
  logLevel = 'info';

  @Env('LOG_PRETTY', 'Readable lines instead of JSON: `true` or `false`. Default: in a terminal.', flag)
  @IsOptional()
  @IsBoolean()
  logPretty?: boolean;

  @Env('LOG_FILE', 'A file that the log goes to as well; it is rotated, with a number before its ending.')
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  logFile?: string;

  @Env('LOG_FILE_MAX_MB', 'Size at which the log file is rotated.', number)
  @IsInt()
  @Min(1)
  logFileMaxMB = 20;

  @Env('LOG_FILE_COUNT', 'Rotated log files that are kept.', number)
  @IsInt()
  @Min(1)
  logFileCount = 5;

  /**
   * The label of this server's containers. A free port says nothing of a server's identity, so with it one is made up:
   * two servers must not take each other's containers for their own.
   */
  get ownServerId(): string {
    if (this.serverId === undefined && this.port === 0) this.serverId = `codebeaker-${randomBytes(6).toString('hex')}`;
    return this.serverId ?? `codebeaker-${this.port}`;
  }

  /** Whether people who must not see each other's sessions use the server. */
  get servesSeveralTenants(): boolean {
    return this.multiTenant ?? !isLoopback(this.host);
  }

  /** An empty variable counts as none, as it does in compose files, but for a setting that can be empty and is not by itself. */
  static fromEnv(env: Readonly<Record<string, string | undefined>>): Config {
    const config = new Config();
    const values = new Map<string, unknown>();
    for (const [property, { name, parse, empty }] of envSettings(Config.prototype)) {
      const text = env[name];
      if (text !== undefined && (text !== '' || empty === 'is a value')) values.set(property, parse(text));
    }
    Object.assign(config, Object.fromEntries(values));
    config.check(env);
    return config;
  }

  private check(env: Readonly<Record<string, string | undefined>>): void {
    const settings = envSettings(Config.prototype);
    const wrong = validateSync(this, { forbidUnknownValues: false }).map(({ property, constraints }) => {
      const name = settings.get(property)?.name ?? property;
      const rules = Object.values(constraints ?? {}).map((rule) => rule.replace(`${property} `, ''));
      return `${name}=${env[name] ?? ''}: ${rules.join(', ')}`;
    });
    if ((this.tlsCertFile === undefined) !== (this.tlsKeyFile === undefined)) {
      wrong.push('TLS_CERT_FILE and TLS_KEY_FILE: both or neither must be given');
    }
    if (wrong.length > 0) throw new ConfigError(wrong);
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Stops the start: a server must not half-run on a setting that it did not understand. */
export class ConfigError extends Error {
  constructor(readonly wrong: readonly string[]) {
    super(`Invalid settings:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}
