import { defineConfig } from 'vitest/config';

import { LongFilesFirst } from './test/support/long-files-first.js';

const shared = { ssr: { resolve: { conditions: ['source'] } } };

export default defineConfig({
  test: {
    sequence: { sequencer: LongFilesFirst },
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: ['apps/**/*.spec.ts', 'libs/**/*.spec.ts', 'test/*.spec.ts'],
          setupFiles: ['test/support/unit-setup.ts'],
          // Generous: a machine that is busy with something else is no fault of the code.
          testTimeout: 60_000,
          // Most of the time goes into loading Nest anew for each file.
          isolate: false,
        },
      },
      {
        ...shared,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.e2e.spec.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Most of the time goes into waiting for the engine.
          maxWorkers: 3,
          isolate: false,
        },
      },
    ],
  },
});
