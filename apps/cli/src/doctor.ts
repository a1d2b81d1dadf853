import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { Doctor, type Report } from '#libs/doctor';
import { SandboxRuntime } from '#libs/runtime';

import type { Config } from '../../api/src/config/config.js';
import { ConfigModule, doctorOptions } from '../../api/src/config/config.module.js';
import { RuntimeModule } from '../../api/src/runtime.module.js';
import { readSeccompProfile } from '../../api/src/seccomp-profile.js';

@Module({})
class DoctorModule {}

/** Makes every check with the runtime of a server of these settings, and leaves nothing behind, also when it is aborted. */
export async function examineHost(config: Config, signal: AbortSignal): Promise<Report> {
  // A server that runs with the same settings must not take the sandboxes for its own.
  config.serverId = `${config.ownServerId.slice(0, 40)}-doctor-${randomBytes(4).toString('hex')}`;
  const imports = [ConfigModule.forRoot(config, await readSeccompProfile()), RuntimeModule.global()];
  const app = await NestFactory.createApplicationContext(
    { module: DoctorModule, imports },
    { logger: ['fatal'], abortOnError: false },
  );
  const runtime = app.get(SandboxRuntime);
  try {
    return await new Doctor(runtime, doctorOptions(config)).full(signal);
  } finally {
    await runtime.close();
    await app.close();
    // Where it could not be made, there is nothing to remove.
    await rm(join(config.stateDirectory, config.ownServerId), { recursive: true, force: true }).catch(() => undefined);
  }
}
