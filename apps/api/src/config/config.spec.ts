import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { CommandsOptions } from '#libs/commands';
import { DockerRuntimeOptions } from '#libs/docker-runtime';
import { SessionsOptions } from '#libs/sessions';

import { projectPath } from '../project-path.js';
import { Config, ConfigError } from './config.js';
import { ConfigModule } from './config.module.js';
import { envSettings } from './env.js';

const names = [...envSettings(Config.prototype).values()].map(({ name }) => name);

function refusalOf(env: Record<string, string>): ConfigError {
  try {
    Config.fromEnv(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`${JSON.stringify(env)} was not refused`);
}

describe('the defaults', () => {
  it('are valid', () => {
    expect(Config.fromEnv({})).toEqual(new Config());
  });

  it('let nobody but this machine in', () => {
    expect(Config.fromEnv({})).toMatchObject({ host: '127.0.0.1', port: 5000, allowedImages: [] });
  });

  it('are what an empty variable means, but for a list that is not empty by itself', () => {
    const empty = Object.fromEntries(names.map((name) => [name, '']));
    expect(Config.fromEnv(empty)).toEqual(Object.assign(new Config(), { poolInterpreters: [] }));
  });

  it('name the containers after the port, unless the server has a name', () => {
    expect(Config.fromEnv({ PORT: '6000' }).ownServerId).toBe('codebeaker-6000');
    expect(Config.fromEnv({ SERVER_ID: 'mine' }).ownServerId).toBe('mine');
  });
});

describe('several tenants', () => {
  it.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ HOST: 'localhost' }, false],
    [{ HOST: '127.8.0.1' }, false],
    [{ HOST: '::1' }, false],
    [{ HOST: '0.0.0.0' }, true],
    [{ HOST: '::' }, true],
    [{ HOST: '127.example.org' }, true],
    [{ HOST: '0.0.0.0', MULTI_TENANT: 'false' }, false],
    [{ MULTI_TENANT: 'true' }, true],
  ])('are what is expected of %j: %s', (env, expected) => {
    expect(Config.fromEnv(env).servesSeveralTenants).toBe(expected);
  });
});

describe('a setting', () => {
  it.each<[string, string, Partial<Config>]>([
    ['HOST', '0.0.0.0', { host: '0.0.0.0' }],
    ['PORT', '0', { port: 0 }],
    ['MULTI_TENANT', 'true', { multiTenant: true }],
    ['ALLOW_KNOWN_ESCAPES', 'true', { allowKnownEscapes: true }],
    ['DOCKER_HOST', 'tcp://engine:2375', { dockerHost: 'tcp://engine:2375' }],
    ['SERVER_ID', 'blue-1.a_b', { serverId: 'blue-1.a_b' }],
    ['OCI_RUNTIME', 'runsc', { ociRuntime: 'runsc' }],
    [
      'ALLOWED_ORIGINS',
      'https://a.example, http://localhost:3000',
      { allowedOrigins: ['https://a.example', 'http://localhost:3000'] },
    ],
    [
      'ALLOWED_ORIGINS',
      'http://[::1]:81,chrome-extension://abc',
      { allowedOrigins: ['http://[::1]:81', 'chrome-extension://abc'] },
    ],
    ['IMAGE_TAG', 'v1.2_a-b', { imageTag: 'v1.2_a-b' }],
    ['POOL_LANGUAGES', 'py, C#,golang,go,ts', { poolLanguages: ['python', 'dotnet', 'go', 'nodejs'] }],
    ['POOL_INTERPRETERS', 'JS,cs', { poolInterpreters: ['nodejs', 'dotnet'] }],
    ['POOL_INTERPRETERS', '', { poolInterpreters: [] }],
    ['ALLOWED_IMAGES', ' a:1, b/c@sha256:0 ,,', { allowedImages: ['a:1', 'b/c@sha256:0'] }],
    ['MAX_CPUS', '0.5', { maxCpus: 0.5 }],
    ['MAX_QUEUED_EXECUTIONS', '0', { maxQueuedExecutions: 0 }],
    ['CLEAN_UP_CRON', '0 */5 * * * *', { cleanUpCron: '0 */5 * * * *' }],
    ['ORPHAN_AGE_SECONDS', '5', { orphanAgeSeconds: 5 }],
    ['LOG_PRETTY', 'true', { logPretty: true }],
    ['LOG_PRETTY', 'false', { logPretty: false }],
    ['LOG_LEVEL', 'debug', { logLevel: 'debug' }],
  ])('%s=%s is taken', (name, value, expected) => {
    expect(Config.fromEnv({ [name]: value })).toEqual(Object.assign(new Config(), expected));
  });

  it.each([
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', ' '],
    ['TLS_PORT', 'x'],
    ['ALLOWED_ORIGINS', 'foo'],
    ['ALLOWED_ORIGINS', 'https://a.example,*'],
    ['ALLOWED_ORIGINS', 'https://a.example/'],
    ['ALLOWED_ORIGINS', 'https://A.example'],
    ['ALLOWED_ORIGINS', 'https://a.example:443'],
    ['ALLOWED_ORIGINS', 'https://*.example'],
    ['ALLOWED_ORIGINS', 'wss://a.example'],
    ['ALLOWED_ORIGINS', 'null'],
    ['IMAGE_TAG', 'bad tag!'],
    ['IMAGE_TAG', '-x'],
    ['IMAGE_TAG', 'a/b'],
    ['POOL_LANGUAGES', 'python,cobol'],
    ['POOL_INTERPRETERS', 'go'],
    // Another interpreter than JavaScript's, and only one waits in a sandbox.
    ['POOL_INTERPRETERS', 'ts'],
    ['MULTI_TENANT', 'many'],
    ['ALLOW_KNOWN_ESCAPES', 'yes'],
    ['DOCKER_HOST', '/var/run/docker.sock'],
    ['DOCKER_HOST', 'ssh://engine'],
    ['ENGINE_TIMEOUT_MS', '99'],
    ['SERVER_ID', 'with space'],
    ['SERVER_ID', 'a/b'],
    ['SERVER_ID', 'x'.repeat(65)],
    ['DISK_LIMIT', 'none'],
    ['STATE_DIRECTORY', '/proc/codebeaker'],
    ['STATE_DIRECTORY', '/var/../sys'],
    ['STATE_DIRECTORY', '/dev/shm/codebeaker'],
    ['MAX_SESSIONS', '0'],
    ['MAX_CONCURRENT_CREATES', '0'],
    ['MAX_MEMORY_MB', '15'],
    ['MAX_CPUS', '0'],
    ['MAX_CPUS', 'Infinity'],
    ['MAX_PIDS', '0'],
    ['MAX_OPEN_FILES', '63'],
    ['MAX_DISK_MB', '1.5'],
    ['MAX_TMP_MB', '0'],
    ['MAX_LIFETIME_MINUTES', '-5'],
    ['MAX_LIFETIME_MINUTES', 'NaN'],
    ['CLEAN_UP_CRON', '* * * * *'],
    ['ORPHAN_AGE_SECONDS', '0'],
    ['MAX_TIMEOUT_MS', '2147483648'],
    ['KEPT_OUTPUT_BYTES', '0'],
    ['OUTPUT_LIMIT_BYTES', '1e'],
    ['MAX_READ_BYTES', '67108865'],
    ['MAX_SESSION_CONTEXTS', '49'],
    ['MAX_RESULT_BYTES', '1'],
    ['MAX_RUNNING_EXECUTIONS', '0'],
    ['MAX_QUEUED_EXECUTIONS', '-1'],
    ['MAX_FRAME_BYTES', '1023'],
    ['MAX_IN_FLIGHT', '0'],
    ['MAX_CONNECTIONS', '0'],
    ['HEARTBEAT_SECONDS', '0'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_PRETTY', 'yes'],
    ['LOG_FILE_MAX_MB', '0'],
    ['LOG_FILE_COUNT', '0'],
  ])('%s=%s is refused by its name', (name, value) => {
    const { wrong, message } = refusalOf({ [name]: value });

    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatch(new RegExp(`^${name}=.*: \\S`));
    expect(message).toContain(wrong[0]);
    expect(message).not.toMatch(/each value|\bin must/);
  });

  it('is told together with everything else that is wrong', () => {
    const { wrong } = refusalOf({ PORT: 'x', LOG_LEVEL: 'y', MAX_CPUS: 'z' });

    expect(new Set(wrong.map((line) => line.split('=')[0]))).toEqual(new Set(['LOG_LEVEL', 'MAX_CPUS', 'PORT']));
  });

  it.each<Record<string, string>>([{ TLS_CERT_FILE: '/cert.pem' }, { TLS_KEY_FILE: '/key.pem' }])(
    'of TLS does not stand alone: %j',
    (env) => {
      expect(refusalOf(env).message).toMatch(/TLS_CERT_FILE and TLS_KEY_FILE/);
    },
  );

  it('of TLS is taken with the other one', () => {
    expect(Config.fromEnv({ TLS_CERT_FILE: '/c', TLS_KEY_FILE: '/k' })).toMatchObject({
      tlsCertFile: '/c',
      tlsKeyFile: '/k',
    });
  });

  it('of another name is nobody’s business', () => {
    expect(Config.fromEnv({ PATH: '/bin', port: '1', constructor: 'x' })).toEqual(new Config());
  });

  it.each([
    // join(STATE_DIRECTORY, '..') is a directory of others, whose files LoopDisks.sweep() deletes.
    ['SERVER_ID', '.'],
    ['SERVER_ID', '..'],
    // A timer of more than 2^31-1 ms fires at once: no call would ever be in time.
    ['ENGINE_TIMEOUT_MS', '3000000000'],
    // Each stops the start later and without its name: `new URL` in Engine, CronJob in CleanUp.
    ['DOCKER_HOST', 'tcp://'],
    ['CLEAN_UP_CRON', 'a b c d e f'],
    ['CLEAN_UP_CRON', '99 * * * * *'],
  ])('%s=%s is refused by its name too', (name, value) => {
    expect(refusalOf({ [name]: value }).message).toContain(name);
  });

  // Both get the label codebeaker-0, and the second takes the sessions of the first for those of an earlier server.
  it('PORT=0 does not make two servers share their containers', () => {
    expect(Config.fromEnv({ PORT: '0' }).ownServerId).not.toBe(Config.fromEnv({ PORT: '0' }).ownServerId);
  });
});

describe('the README', () => {
  const rows = [...readFileSync(projectPath('README.md'), 'utf8').matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$/gm)];

  it('has every setting in its table, and no other', () => {
    expect(rows.map(([, name]) => name)).toEqual(names);
  });

  it('says of each what the code says', () => {
    const descriptions = new Map(
      [...envSettings(Config.prototype).values()].map(({ name, description }) => [name, description]),
    );

    for (const [, name = '', , description] of rows) expect(description, name).toBe(descriptions.get(name));
  });

  it('tells the defaults of those that have one everywhere', () => {
    const config = new Config() as unknown as Record<string, unknown>;
    const defaults = new Map(
      [...envSettings(Config.prototype)].map(([property, { name }]) => [name, config[property]]),
    );

    for (const [, name = '', text] of rows) {
      if (text !== '') expect(text, name).toBe(`\`${String(defaults.get(name))}\``);
    }
  });
});

describe('ConfigModule', () => {
  const config = Config.fromEnv({
    PORT: '6000',
    IMAGE_TAG: 'v1',
    OCI_RUNTIME: 'runsc',
    STATE_DIRECTORY: '/state',
    MAX_SESSIONS: '7',
    MAX_TIMEOUT_MS: '8000',
  });
  const provided = (token: unknown): unknown => {
    const providers = (ConfigModule.forRoot(config, '{"seccomp":1}').providers ?? []) as {
      provide: unknown;
      useValue: unknown;
    }[];
    return providers.find(({ provide }) => provide === token)?.useValue;
  };

  it('hands the runtime what it is told, with a state directory of this server alone', () => {
    expect(provided(DockerRuntimeOptions)).toEqual({
      dockerHost: 'unix:///var/run/docker.sock',
      serverId: 'codebeaker-6000',
      agentImage: 'codebeaker-agent:v1',
      seccompProfile: '{"seccomp":1}',
      ociRuntime: 'runsc',
      diskLimit: 'auto',
      diskOvercommit: false,
      stateDirectory: '/state/codebeaker-6000',
      engineTimeoutMs: 30_000,
    });
  });

  it('hands sessions and commands their limits', () => {
    expect(provided(SessionsOptions)).toMatchObject({ maxSessions: 7, imageTag: 'v1', maxMemoryMB: 4096 });
    expect(provided(CommandsOptions)).toEqual({
      maxTimeoutMs: 8_000,
      keptOutputBytes: 1_048_576,
      outputLimitBytes: 268_435_456,
      maxReadBytes: 8_388_608,
    });
  });
});
