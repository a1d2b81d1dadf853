import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';
import { kernelOf } from '../host.js';

/** Whether a sandbox could use swap beyond its memory limit. */
export const swap: Check = {
  id: 'swap',
  title: 'swap',
  needs: [],
  judge(host) {
    if (host.engine.enforces.swap) return ok('The engine keeps sandboxes out of swap.');
    if (kernelOf(host)?.swapBytes === 0) return ok('There is none.');
    return warn(
      'The engine cannot limit swap: a sandbox gets more than its memory limit.',
      'Start the kernel with swapaccount=1, or turn swap off (swapoff -a).',
    );
  },
};
