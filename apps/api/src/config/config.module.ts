import { type DynamicModule, Module } from '@nestjs/common';
import { join } from 'node:path';

import { CommandsOptions } from '#libs/commands';
import { ContextsOptions } from '#libs/contexts';
import { DockerRuntimeOptions } from '#libs/docker-runtime';
import type { DoctorOptions } from '#libs/doctor';
import { SessionsOptions } from '#libs/sessions';

import { Config } from './config.js';

const BYTES_PER_MB = 1_048_576;
const MS_PER_SECOND = 1_000;
const MS_PER_MINUTE = 60_000;

/** Hands every module the part of the configuration that it asks for. */
@Module({})
export class ConfigModule {
  static forRoot(config: Config, seccompProfile: string): DynamicModule {
    const providers = [
      { provide: Config, useValue: config },
      { provide: DockerRuntimeOptions, useValue: dockerRuntimeOptions(config, seccompProfile) },
      { provide: SessionsOptions, useValue: sessionsOptions(config) },
      { provide: CommandsOptions, useValue: commandsOptions(config) },
      { provide: ContextsOptions, useValue: contextsOptions(config) },
    ];
    return { module: ConfigModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}

function dockerRuntimeOptions(config: Config, seccompProfile: string): DockerRuntimeOptions {
  return {
    dockerHost: config.dockerHost,
    serverId: config.ownServerId,
    agentImage: `codebeaker-agent:${config.imageTag}`,
    seccompProfile,
    ...(config.ociRuntime === undefined ? {} : { ociRuntime: config.ociRuntime }),
    diskLimit: config.diskLimit,
    diskOvercommit: config.diskOvercommit,
    stateDirectory: join(config.stateDirectory, config.ownServerId),
    engineTimeoutMs: config.engineTimeoutMs,
  };
}

/** What the doctor needs to know of a server. */
export function doctorOptions(config: Config): DoctorOptions {
  return {
    ...(config.ociRuntime === undefined ? {} : { ociRuntime: config.ociRuntime }),
    diskLimit: config.diskLimit,
    stateDirectory: config.stateDirectory,
    maxSessions: config.maxSessions,
    port: config.port,
    imageTag: config.imageTag,
  };
}

function sessionsOptions(config: Config): SessionsOptions {
  return {
    maxSessions: config.maxSessions,
    maxConcurrentCreates: config.maxConcurrentCreates,
    maxQueuedCreates: config.maxQueuedCreates,
    maxCreateWaitMs: config.maxCreateWaitMs,
    maxMemoryMB: config.maxMemoryMB,
    maxCpus: config.maxCpus,
    maxPids: config.maxPids,
    maxOpenFiles: config.maxOpenFiles,
    maxDiskMB: config.maxDiskMB,
    maxTmpMB: config.maxTmpMB,
    maxLifetimeMinutes: config.maxLifetimeMinutes,
    allowedImages: config.allowedImages,
    cleanUpCron: config.cleanUpCron,
    orphanAgeMs: config.orphanAgeSeconds * MS_PER_SECOND,
    keptEvents: config.keptEvents,
    maxSubscriptions: config.maxSubscriptions,
    imageTag: config.imageTag,
    pool: {
      size: config.poolSize,
      maxContainers: config.poolMaxContainers,
      memoryBytes: config.poolMemoryMB * BYTES_PER_MB,
      keepMs: config.poolKeepMinutes * MS_PER_MINUTE,
      freeMemoryBytes: config.poolFreeMemoryMB * BYTES_PER_MB,
      languages: config.poolLanguages,
    },
  };
}

function commandsOptions(config: Config): CommandsOptions {
  return {
    maxTimeoutMs: config.maxTimeoutMs,
    keptOutputBytes: config.keptOutputBytes,
    outputLimitBytes: config.outputLimitBytes,
    maxReadBytes: config.maxReadBytes,
  };
}

function contextsOptions(config: Config): ContextsOptions {
  return {
    maxSessionContexts: config.maxSessionContexts,
    maxResultBytes: config.maxResultBytes,
    maxTimeoutMs: config.maxTimeoutMs,
    keptOutputBytes: config.keptOutputBytes,
    outputLimitBytes: config.outputLimitBytes,
    waitingLanguages: config.poolInterpreters,
  };
}
