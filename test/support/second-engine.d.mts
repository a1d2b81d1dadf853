import type Docker from 'dockerode';

export interface EngineOptions {
  /** Its containers go on while it is away. */
  readonly liveRestore?: boolean;
  /** Where images, containers and volumes are kept; by default a directory of its own. */
  readonly dataRoot?: string;
  /** A version that its runc says to be; what it does is what the real one does. */
  readonly runcVersion?: string;
}

/** See second-engine.mjs, which is no TypeScript because `npm run attack` uses it too. */
export declare class SecondEngine {
  readonly docker: Docker;
  readonly dockerHost: string;
  constructor(options?: EngineOptions);
  make(images: readonly string[]): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
  remove(): Promise<void>;
}
