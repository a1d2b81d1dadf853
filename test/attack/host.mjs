import { readdir, readFile } from 'node:fs/promises';

import { docker } from '../soak/host.mjs';

/**
 * The processes of a container on this host, with their names: told by its control group, which no other container can
 * have, not even later. None where the engine runs elsewhere, or where this user may not look.
 */
export async function processesIn(containerId) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const group = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
      if (!group.includes(containerId)) return [];
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return [{ pid: Number(pid), name: name.trim() }];
    }),
  );
  return found.flat();
}

/** A container as its engine sees it; undefined when there is none. */
export async function inspect(containerId) {
  return docker
    .getContainer(containerId)
    .inspect()
    .catch((error) => {
      if (error.statusCode === 404) return undefined;
      throw error;
    });
}
