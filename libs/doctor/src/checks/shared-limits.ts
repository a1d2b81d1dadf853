import type { Check } from '../check.js';
import { ok, warn } from '../finding.js';
import { hasOwnKernel, kernelOf, runtimeOf } from '../host.js';

export const SHARED_SETTING = 'fs.inotify.max_user_instances';
/** A file watcher or two for each session. */
const INSTANCES_PER_SESSION = 2;

/** What the kernel counts by user: every sandbox's programs are the same user. */
export const sharedLimits: Check = {
  id: 'shared-limits',
  title: 'limits by user',
  needs: ['kernel'],
  judge(host) {
    if (hasOwnKernel(host)) return ok(`Sandboxes run on the kernel of ${runtimeOf(host)}.`);
    const { maxSessions } = host.settings;
    const instances = kernelOf(host)?.sysctls[SHARED_SETTING];
    const wanted = Math.max(1024, maxSessions * INSTANCES_PER_SESSION);
    if (instances === undefined || instances >= wanted)
      return ok(`${SHARED_SETTING} is ${instances ?? 'not known here'}.`);
    return warn(
      `${SHARED_SETTING} is ${instances}, for all of up to ${maxSessions} sessions together: one session can leave the others without file watchers.`,
      `sysctl -w ${SHARED_SETTING}=${wanted}`,
    );
  },
};
