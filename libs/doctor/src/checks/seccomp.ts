import type { Check } from '../check.js';
import { filters, openDoors } from '../cves/doors.js';
import { fail, ok } from '../finding.js';
import { hasOwnKernel, probesOf, runtimeOf } from '../host.js';

/** The kernel's name for a process with a filter. */
const FILTERED = '2';
const MEND = 'Use an engine and a kernel with seccomp (CONFIG_SECCOMP_FILTER), or OCI_RUNTIME=kata.';

/** Whether docker/seccomp.json is really applied, and lets nothing through that it should not. */
export const seccomp: Check = {
  id: 'seccomp',
  title: 'system call filter',
  needs: [],
  judge(host) {
    if (hasOwnKernel(host)) return ok(`${runtimeOf(host)} answers system calls itself.`);
    if (!filters(host)) return fail('The engine does not apply seccomp profiles.', MEND);
    const probes = probesOf(host);
    if (!probes) return ok('The engine applies seccomp profiles.');
    const mode = probes.sandbox.status['Seccomp'];
    if (mode !== FILTERED) return fail(`A program in a sandbox has no filter (Seccomp: ${mode ?? 'unknown'}).`, MEND);
    const open = openDoors(host);
    if (open.length > 0) return fail(`The filter lets through: ${open.join(', ')}.`, 'Restore docker/seccomp.json.');
    return ok(`A filter refused ${Object.keys(probes.sandbox.doors).join(', ')} in a sandbox.`);
  },
};
