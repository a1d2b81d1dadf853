import { Injectable } from '@nestjs/common';

import { LANGUAGES, SandboxRuntime } from '#libs/runtime';

import { Config } from '../config/config.js';

export interface LanguageView {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly image: string;
  /** Of the toolchain in the image; null where the image is not there or does not say. */
  readonly version: string | null;
  readonly available: boolean;
  readonly defaultFile: string;
  /** Whether the language has stateful execution. */
  readonly interpreter: boolean;
}

/** The languages as this server's engine has them. */
@Injectable()
export class LanguagesService {
  constructor(
    private readonly runtime: SandboxRuntime,
    private readonly config: Config,
  ) {}

  /** @throws RuntimeError engine_unavailable */
  list(): Promise<LanguageView[]> {
    return Promise.all(
      LANGUAGES.map(async ({ name, aliases, image, toolchain, interpreter }) => {
        const status = await this.runtime.imageStatus(`${image}:${this.config.imageTag}`);
        return {
          name,
          aliases,
          image: status.image,
          version: status.version ?? null,
          available: status.available,
          defaultFile: toolchain(name).file,
          interpreter: interpreter !== undefined,
        };
      }),
    );
  }
}
