import { type DynamicModule, Module } from '@nestjs/common';

import { DockerRuntime } from '#libs/docker-runtime';
import { SandboxRuntime } from '#libs/runtime';

/** The runtime is picked here, and nowhere else. */
@Module({
  providers: [{ provide: SandboxRuntime, useClass: DockerRuntime }],
  exports: [SandboxRuntime],
})
export class RuntimeModule {
  static global(): DynamicModule {
    return { module: RuntimeModule, global: true };
  }
}
