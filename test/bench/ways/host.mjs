// What this host's kernel says of memory and processes.
import { readFile } from 'node:fs/promises';

import { docker } from '../../soak/host.mjs';

const KIB_PER_MIB = 1024;
const BYTES_PER_MIB = 1_048_576;

/** Memory that programs could still have, in MiB. */
export async function availableMiB() {
  const text = await readFile('/proc/meminfo', 'utf8');
  return Number(/MemAvailable:\s+(\d+)/.exec(text)?.[1]) / KIB_PER_MIB;
}

/** Of one container: processes, threads, what its control group is charged with, and what its shim has for itself. */
export async function costOf(containerId) {
  const container = docker.getContainer(containerId);
  const [{ State }, { memory_stats: memory }, { Processes }] = await Promise.all([
    container.inspect(),
    container.stats({ stream: false, 'one-shot': true }),
    container.top(),
  ]);
  const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
  const number = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    processes: Processes.length,
    threads: number('Threads'),
    cgroupMiB: memory.usage / BYTES_PER_MIB,
    shimMiB: await proportionalMiB(number('PPid')),
  };
}

/** Resident memory of a process, of what it shares with others its share. */
async function proportionalMiB(pid) {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1]) / KIB_PER_MIB;
}
