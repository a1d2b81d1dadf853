import type { Check } from '../check.js';
import { ok, unknown, warn } from '../finding.js';
import { kernelOf } from '../host.js';

/** Weaknesses of the CPU by which one program reads what another one computes. */
export const cpu: Check = {
  id: 'cpu',
  title: 'CPU weaknesses',
  needs: ['kernel'],
  judge(host) {
    const all = Object.entries(kernelOf(host)?.cpuWeaknesses ?? {});
    if (all.length === 0) return unknown('The kernel does not say.', 'Keep kernel and microcode up to date.');
    const open = all.filter(([, state]) => state.startsWith('Vulnerable')).map(([name]) => name);
    if (open.length === 0) return ok(`The kernel works around all ${all.length} that it knows.`);
    return warn(
      `The kernel does not work around ${open.join(', ')}: programs may read what others on the same CPU compute.`,
      'Update kernel and microcode, or do not let tenants who must not see each other share a machine.',
    );
  },
};
