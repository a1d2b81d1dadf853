import { Injectable } from '@nestjs/common';
import { type HealthIndicatorFunction, type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';

import { LANGUAGES, SandboxRuntime } from '#libs/runtime';

import { Config } from '../config/config.js';

const AGENT_IMAGE = 'codebeaker-agent';

/** Whether the agent's image and each language's are there, and how to build the one that is not. */
@Injectable()
export class ImagesIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly runtime: SandboxRuntime,
    private readonly config: Config,
  ) {}

  checks(): HealthIndicatorFunction[] {
    const images = LANGUAGES.map(({ name, image }) => ({ key: name, image }));
    return [{ key: 'agent', image: AGENT_IMAGE }, ...images].map(
      ({ key, image }) =>
        () =>
          this.check(key, image),
    );
  }

  private async check(key: string, name: string): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check(key);
    const image = `${name}:${this.config.imageTag}`;
    try {
      const { available } = await this.runtime.imageStatus(image);
      if (available) return indicator.up({ image });
      return indicator.down({ image, message: 'The image is not on this engine.', build: buildCommand(key) });
    } catch {
      return indicator.down({ image, message: 'Not known while the engine does not answer.' });
    }
  }
}

function buildCommand(key: string): string {
  return `bash scripts/images.sh --only ${key === 'go' ? 'golang' : key}`;
}
