import { execFile } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import process from 'node:process';
import { promisify } from 'node:util';

import { docker } from '../soak/host.mjs';

const run = promisify(execFile);
const GIB = 1_073_741_824;

/** What a figure or a verdict is true of; nothing that tells whose machine it is. */
export async function machine() {
  const version = await docker.version();
  const component = (name) => version.Components?.find(({ Name }) => Name === name)?.Version;
  return {
    kernel: version.KernelVersion ?? release(),
    engine: version.Version,
    runc: component('runc') ?? (await runcVersion()),
    containerd: component('containerd') ?? 'unknown',
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / GIB),
    node: process.version,
  };
}

export function machineLine({ kernel, engine, runc, containerd, cores, processor, memoryGiB, node }) {
  const software = `Linux ${kernel}, engine ${engine}, containerd ${containerd}, runc ${runc}, Node ${node}`;
  return `${cores} × ${processor}, ${memoryGiB} GiB; ${software}`;
}

async function runcVersion() {
  return run('runc', ['--version']).then(
    ({ stdout }) => stdout.split('\n')[0].replace('runc version ', ''),
    () => 'unknown',
  );
}
