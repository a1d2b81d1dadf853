import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import Docker from 'dockerode';

const run = promisify(execFile);
export const docker = new Docker();

/** What a server has on the engine and on this host, by name. */
export async function belongings(serverId, stateDirectory) {
  const filters = { label: [`codebeaker=${serverId}`] };
  const [containers, { Volumes: volumes }, loops] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listVolumes({ filters }),
    loopDevices(stateDirectory),
  ]);
  return [
    ...containers.map(({ Id }) => `container ${Id.slice(0, 12)}`),
    ...(volumes ?? []).map(({ Name }) => `volume ${Name.slice(0, 12)}`),
    ...loops.map((device) => `loop device ${device}`),
  ];
}

async function loopDevices(stateDirectory) {
  try {
    const { stdout } = await run('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']);
    return stdout.split('\n').filter((line) => line.includes(stateDirectory));
  } catch {
    return [];
  }
}

/** Main processes of sandboxes, whoever's: where no other server runs, those of this one. */
export async function agentPids() {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return line.startsWith('/codebeaker/agent') ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

/** Resident memory in MiB, open descriptors and threads of a process; undefined when it is gone. */
export async function usageOf(pid) {
  try {
    const [status, descriptors] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ]);
    return {
      memoryMiB: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024,
      descriptors: descriptors.length,
      threads: Number(/Threads:\s+(\d+)/.exec(status)?.[1]),
    };
  } catch {
    return undefined;
  }
}

/** The engine's own process, where it runs on this host. */
export async function enginePid() {
  const text = await readFile('/var/run/docker.pid', 'utf8').catch(() => '');
  return Number(text) || undefined;
}

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
