import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';
import { hasOwnKernel, kernelOf, runtimeOf } from '../host.js';

/** The least that each should be, where the kernel has it, and what it is for. */
export const WANTED_SETTINGS: Readonly<Record<string, { least: number; because: string }>> = {
  'kernel.dmesg_restrict': { least: 1, because: "programs may read the kernel's log" },
  'kernel.unprivileged_bpf_disabled': { least: 1, because: 'every user may load BPF programs' },
  'kernel.perf_event_paranoid': { least: 2, because: 'every user may watch the kernel' },
  'fs.protected_symlinks': { least: 1, because: 'links in /tmp are followed for other users' },
  'fs.protected_hardlinks': { least: 1, because: "links can be made to others' files" },
  'fs.protected_fifos': { least: 1, because: 'FIFOs that others have put into /tmp are opened for files' },
  'fs.protected_regular': { least: 1, because: 'files that others have put into /tmp are opened for one of their own' },
  'kernel.kptr_restrict': { least: 1, because: 'programs may read where the kernel lies in memory' },
};

/** Settings that take weapons away from whoever got past another wall. */
export const kernelSettings: Check = {
  id: 'kernel-settings',
  title: 'kernel settings',
  needs: ['kernel'],
  judge(host) {
    if (hasOwnKernel(host)) return ok(`Sandboxes run on the kernel of ${runtimeOf(host)}.`);
    const sysctls = kernelOf(host)?.sysctls ?? {};
    const loose = Object.entries(WANTED_SETTINGS).filter(([name, { least }]) => (sysctls[name] ?? least) < least);
    if (loose.length === 0) return ok(`${Object.keys(WANTED_SETTINGS).join(', ')} are strict.`);
    const found = loose.map(([name, { because }]) => `${name}=${sysctls[name] ?? ''}: ${because}.`).join(' ');
    return warn(found, `sysctl -w ${loose.map(([name, { least }]) => `${name}=${least}`).join(' ')}`);
  },
};
