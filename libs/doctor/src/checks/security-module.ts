import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';
import { hasOwnKernel, runtimeOf } from '../host.js';

/** A second wall behind the first: a security module confines what got past the other rules. */
export const securityModule: Check = {
  id: 'security-module',
  title: 'AppArmor or SELinux',
  needs: [],
  judge(host) {
    const found = host.engine.securityOptions
      .map((option) => /^name=(apparmor|selinux)/.exec(option)?.[1])
      .find((name) => name !== undefined);
    if (found) return ok(`The engine confines containers by ${found}.`);
    if (hasOwnKernel(host)) return ok(`None, and none needed under ${runtimeOf(host)}.`);
    return warn(
      'The engine uses neither: what breaks one wall of a sandbox meets no second one.',
      'Enable AppArmor or SELinux in the kernel and restart the engine.',
    );
  },
};
