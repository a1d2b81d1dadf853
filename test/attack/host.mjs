import { readdir, readFile, readlink } from 'node:fs/promises';

import { docker } from '../soak/host.mjs';

/**
 * What tells a session's processes from all others on this host: the PID namespace of its container. Undefined where
 * the engine runs elsewhere, or where this user may not look.
 */
export async function namespaceOf(containerId) {
  try {
    const { State } = await docker.getContainer(containerId).inspect();
    return await readlink(`/proc/${State.Pid}/ns/pid`);
  } catch {
    return undefined;
  }
}

/** The processes on this host that are in a PID namespace, with their names. */
export async function processesIn(namespace) {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const own = await readlink(`/proc/${pid}/ns/pid`).catch(() => undefined);
      if (own !== namespace) return [];
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
