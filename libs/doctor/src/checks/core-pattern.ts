import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';
import { hasOwnKernel, kernelOf, runtimeOf } from '../host.js';

/** A pattern that begins so names a program, which the kernel starts as root outside of every sandbox. */
const PIPE = '|';

export const corePattern: Check = {
  id: 'core-pattern',
  title: 'core dumps',
  needs: ['kernel'],
  judge(host) {
    if (hasOwnKernel(host)) return ok(`Sandboxes run on the kernel of ${runtimeOf(host)}.`);
    const pattern = kernelOf(host)?.corePattern ?? '';
    if (!pattern.startsWith(PIPE))
      return ok('A crash in a sandbox starts nothing on the host, and its core limit is 0.');
    return warn(
      `Every crash in a sandbox has the host start ${pattern.slice(1).split(' ')[0] ?? ''} as root, on what the program has made of its memory.`,
      'sysctl -w kernel.core_pattern=core',
    );
  },
};
