import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';

/** Weaknesses of the CPU by which one program reads what another one computes. */
export const cpu: Check = {
  id: 'cpu',
  title: 'CPU weaknesses',
  needs: ['machine'],
  judge({ machine }) {
    const all = Object.entries(machine?.cpuWeaknesses ?? {});
    const open = all.filter(([, state]) => state.startsWith('Vulnerable')).map(([name]) => name);
    if (open.length === 0) return ok(`The kernel works around all ${all.length} that it knows.`);
    return warn(
      `The kernel does not work around ${open.join(', ')}: programs may read what others on the same CPU compute.`,
      'Update kernel and microcode, or do not let tenants who must not see each other share a machine.',
    );
  },
};
