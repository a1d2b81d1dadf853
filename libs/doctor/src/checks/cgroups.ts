import type { Check } from '../check.js';
import { fail, ok, warn } from '../finding.js';

/** Whether the engine can enforce what limits promise, and by which generation of cgroups. */
export const cgroups: Check = {
  id: 'cgroups',
  title: 'cgroups',
  needs: [],
  judge({ engine }) {
    const { memory, pids, cpu } = engine.enforces;
    const missing = Object.entries({ memory, pids, cpu }).filter(([, can]) => !can);
    if (missing.length > 0) {
      const names = missing.map(([name]) => name).join(', ');
      return fail(`The engine cannot limit ${names}.`, `Enable the cgroup controllers for ${names} in the kernel.`);
    }
    if (engine.cgroupVersion === '2') return ok('Version 2, with controllers for memory, processes and CPU.');
    return warn(
      `Version ${engine.cgroupVersion || '1'}: its controllers limit memory, processes and CPU, but runc 1.4 and newer call it deprecated.`,
      'Start the kernel with systemd.unified_cgroup_hierarchy=1.',
    );
  },
};
