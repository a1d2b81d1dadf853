import type { Check } from '../check.js';
import { fail, type Judgement, ok, unknown, warn } from '../finding.js';
import { type Host, type LimitFacts, probesOf, type ProbeFacts } from '../host.js';

const MIB = 1_048_576;
/** The agent's own threads may take part of the limit, and programs what the agent leaves. */
const AGENT_PIDS = 48;
/** What a file system needs for itself. */
const LEAST_USABLE = 0.8;
const TOLERANCE = 0.05;

const probing =
  (judge: (probes: ProbeFacts, host: Host) => Judgement): Check['judge'] =>
  (host) => {
    const probes = probesOf(host);
    return probes ? judge(probes, host) : unknown('No sandbox could be made to try.', 'See the check "sandbox".');
  };

export const diskLimit: Check = {
  id: 'disk-limit',
  title: 'disk limit',
  needs: ['probes'],
  judge: probing(({ disk, tmp, diskLimitKind }, { engine, settings }) => {
    for (const [path, facts] of Object.entries({ '/workspace': disk, '/tmp': tmp })) {
      if (!isHeld(facts)) {
        return fail(
          `${path} has a limit of ${inMiB(facts.limit)}, and a program wrote ${inMiB(facts.reached)} into it.`,
          'DISK_LIMIT=tmpfs is enforced by every kernel.',
        );
      }
    }
    const found = `Enforced by ${diskLimitKind}: no byte beyond ${inMiB(disk.limit)} in /workspace and ${inMiB(tmp.limit)} in /tmp.`;
    if (diskLimitKind === 'loop-ext4' || settings.diskLimit === 'tmpfs') return ok(found);
    if (engine.securityOptions.includes('name=userns'))
      return ok(`${found} Where the engine remaps users it can be no other.`);
    return warn(
      `${found} The host offers nothing better, so files in /workspace take the memory of the host.`,
      "Run the server as root on the engine's host, with loop devices and e2fsprogs; or accept it: DISK_LIMIT=tmpfs.",
    );
  }),
};

export const memoryLimit: Check = {
  id: 'memory-limit',
  title: 'memory limit',
  needs: ['probes'],
  judge: probing(({ memory }) => {
    if (memory.endReason === 'out_of_memory') {
      return ok(`A program that wanted more than ${inMiB(memory.limit)} was ended as out_of_memory.`);
    }
    return fail(
      `With a limit of ${inMiB(memory.limit)} a program took ${inMiB(memory.reached)} and ended as ${memory.endReason}.`,
      'Enable the memory controller of cgroups.',
    );
  }),
};

export const pidsLimit: Check = {
  id: 'pids-limit',
  title: 'process limit',
  needs: ['probes'],
  judge: probing(({ pids }) => {
    if (pids.reached <= pids.limit + AGENT_PIDS && pids.endReason === 'exited') {
      return ok(`${limitOf(pids)} a program could start ${pids.reached} processes.`);
    }
    return fail(
      `${limitOf(pids)} a program could start ${pids.reached} processes and ended as ${pids.endReason}.`,
      'Enable the pids controller of cgroups.',
    );
  }),
};

export const cpuLimit: Check = {
  id: 'cpu-limit',
  title: 'CPU limit',
  needs: ['probes'],
  judge: probing(({ sandbox: { cpus }, cpuLimit: limit }) => {
    if (cpus === undefined)
      return unknown(
        'A sandbox does not see its cgroup, so the kernel cannot be asked.',
        'npm run attack -- --only 20 spins on all cores beside another session.',
      );
    if (Math.abs(cpus - limit) <= TOLERANCE) return ok(`The kernel gives a sandbox with ${limit} CPUs ${cpus}.`);
    return fail(`The kernel gives a sandbox with ${limit} CPUs ${cpus}.`, 'Enable the cpu controller of cgroups.');
  }),
};

/** A program gets what the agent does not need of its own share. */
function limitOf({ limit }: LimitFacts): string {
  return `With a limit of ${limit}, and ${AGENT_PIDS} on top that the agent may need,`;
}

function isHeld({ limit, reached, endReason }: LimitFacts): boolean {
  return reached <= limit && reached >= limit * LEAST_USABLE && endReason === 'ENOSPC';
}

function inMiB(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
