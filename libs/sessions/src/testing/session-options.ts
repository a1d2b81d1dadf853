import type { SessionsOptions } from '../options.js';

/** What a server gives in tests that do not say otherwise: little, no image but the languages', and no pool. */
export const SESSION_OPTIONS = {
  maxSessions: 10,
  maxConcurrentCreates: 2,
  maxQueuedCreates: 20,
  maxCreateWaitMs: 60_000,
  maxMemoryMB: 4096,
  maxCpus: 4,
  maxPids: 1000,
  maxOpenFiles: 5000,
  maxDiskMB: 8192,
  maxTmpMB: 512,
  maxLifetimeMinutes: 600,
  allowedImages: [],
  cleanUpCron: '* * * * * *',
  orphanAgeMs: 60_000,
  keptEvents: 100,
  maxSubscriptions: 5,
  imageTag: 'latest',
  pool: { size: 0, maxContainers: 0, memoryBytes: 0, keepMs: 0, freeMemoryBytes: 0, languages: [] },
} satisfies SessionsOptions;
