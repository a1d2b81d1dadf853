import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';

/** Whether a sandbox could use swap beyond its memory limit. */
export const swap: Check = {
  id: 'swap',
  title: 'swap',
  needs: [],
  judge({ engine, machine }) {
    if (engine.enforces.swap) return ok('The engine keeps sandboxes out of swap.');
    if (machine?.swapBytes === 0) return ok('There is none.');
    return warn(
      'The engine cannot limit swap: a sandbox gets more than its memory limit.',
      'Start the kernel with swapaccount=1, or turn swap off (swapoff -a).',
    );
  },
};
