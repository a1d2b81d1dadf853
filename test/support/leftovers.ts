import { randomBytes } from 'node:crypto';

import Docker from 'dockerode';

/** Tells the servers of one run of the tests from those of another that goes on beside it; the global setup sets it. */
export const RUN_ID = (process.env['CODEBEAKER_TEST_RUN'] ??= randomBytes(3).toString('hex'));

/** Every server that a test of this run starts has an id that begins so. */
export const SERVER_ID_PREFIX = `cbtest-${RUN_ID}-`;

const LABEL = 'codebeaker';

export function docker(): Docker {
  const host = process.env['DOCKER_HOST'];
  if (!host || host.startsWith('unix://')) {
    return new Docker({ socketPath: host?.slice('unix://'.length) ?? '/var/run/docker.sock' });
  }
  return new Docker();
}

/** The containers that tests, or one server of theirs, have on the engine. */
export async function containersOf(serverId = SERVER_ID_PREFIX): Promise<Docker.ContainerInfo[]> {
  const containers = await docker().listContainers({ all: true, filters: { label: [LABEL] } });
  return containers.filter(({ Labels }) => Labels[LABEL]?.startsWith(serverId));
}

/** The volumes that tests, or one server of theirs, have on the engine. */
export async function volumesOf(serverId = SERVER_ID_PREFIX): Promise<string[]> {
  const { Volumes } = await docker().listVolumes({ filters: { label: [LABEL] } });
  return (Volumes ?? []).filter(({ Labels }) => Labels?.[LABEL]?.startsWith(serverId)).map(({ Name }) => Name);
}

/** Removes what tests left, and names it. */
export async function removeLeftovers(serverId = SERVER_ID_PREFIX): Promise<string[]> {
  const containers = await containersOf(serverId);
  for (const { Id } of containers) {
    await docker()
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch(() => undefined);
  }
  return [
    ...containers.map(({ Id, Labels }) => `container ${Id.slice(0, 12)} of ${Labels[LABEL]}`),
    ...(await volumesOf(serverId)),
  ];
}
