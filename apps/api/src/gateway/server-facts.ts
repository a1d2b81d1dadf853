import { Injectable } from '@nestjs/common';

import { Config } from '../config/config.js';
import { SERVER_NAME, SERVER_VERSION } from '../version.js';

/** The version of the wire contract; additions do not change it. */
const PROTOCOL_VERSION = '1.0';

/** What this server says of itself. */
@Injectable()
export class ServerFacts {
  constructor(private readonly config: Config) {}

  describe() {
    const { config } = this;
    return {
      protocolVersion: PROTOCOL_VERSION,
      serverInfo: { name: SERVER_NAME, version: SERVER_VERSION },
      capabilities: {
        streaming: true,
        cancellation: true,
        batches: true,
        executions: true,
        processes: true,
        events: true,
        contexts: true,
        discover: true,
      },
      limits: {
        maxSessions: config.maxSessions,
        maxCreateWaitMs: config.maxCreateWaitMs,
        maxMemoryMB: config.maxMemoryMB,
        maxCpus: config.maxCpus,
        maxPids: config.maxPids,
        maxOpenFiles: config.maxOpenFiles,
        maxDiskMB: config.maxDiskMB,
        maxTmpMB: config.maxTmpMB,
        maxLifetimeMinutes: config.maxLifetimeMinutes,
        maxTimeoutMs: config.maxTimeoutMs,
        keptOutputBytes: config.keptOutputBytes,
        outputLimitBytes: config.outputLimitBytes,
        maxReadBytes: config.maxReadBytes,
        maxSessionContexts: config.maxSessionContexts,
        maxResultBytes: config.maxResultBytes,
        maxFrameBytes: config.maxFrameBytes,
        maxInFlight: config.maxInFlight,
      },
    };
  }
}
