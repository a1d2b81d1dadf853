import type { Check } from '../check.js';
import { cgroups } from './cgroups.js';
import { clock } from './clock.js';
import { containerd, engine, kernel, runtime } from './components.js';
import { corePattern } from './core-pattern.js';
import { cpu } from './cpu.js';
import { diskSpace } from './disk-space.js';
import { engineAccess } from './engine-access.js';
import { kernelSettings } from './kernel-settings.js';
import { cpuLimit, diskLimit, memoryLimit, pidsLimit } from './limits.js';
import { network, privileges, sandbox, userNamespace } from './sandbox.js';
import { seccomp } from './seccomp.js';
import { securityModule } from './security-module.js';
import { sharedLimits } from './shared-limits.js';
import { swap } from './swap.js';

/** Every check, in the order in which they are told. */
export const CHECKS: readonly Check[] = [
  kernel,
  runtime,
  containerd,
  engine,
  engineAccess,
  seccomp,
  securityModule,
  cgroups,
  swap,
  clock,
  diskSpace,
  corePattern,
  kernelSettings,
  sharedLimits,
  cpu,
  sandbox,
  privileges,
  userNamespace,
  network,
  diskLimit,
  memoryLimit,
  pidsLimit,
  cpuLimit,
];
