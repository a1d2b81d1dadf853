// What others do instead: the engine's API and its client.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { promisify } from 'node:util';

import { docker } from '../../soak/host.mjs';

const run = promisify(execFile);
export const BARE_LABEL = 'codebeaker-bench';
/** The user that commands of sessions have. */
const USER = '10001';

export const imageOf = (language) => `codebeaker-${language}:${process.env.IMAGE_TAG ?? 'latest'}`;

/** Removes every container with a label, those included that the engine is removing already. */
export async function removeLabelled(label) {
  for (const { Id } of await docker.listContainers({ all: true, filters: { label: [label] } })) {
    await docker
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch((error) => {
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
      });
  }
}

/** `docker run` as a script types it. Its program must exit with 0. */
export function dockerRun({ id }, language, command) {
  return run('docker', [
    'run',
    '--rm',
    '--network',
    'none',
    '--label',
    `${BARE_LABEL}=${id}`,
    imageOf(language),
    ...command,
  ]);
}

/** A container without any limit that does nothing, by the engine's API. */
export async function bareContainer({ id }, language) {
  const container = await docker.createContainer({
    Image: imageOf(language),
    Cmd: ['sleep', '3600'],
    Labels: { [BARE_LABEL]: id },
    HostConfig: { NetworkMode: 'none', AutoRemove: true },
  });
  await container.start();
  return container;
}

/** `docker exec` by the engine's API, with its three calls: create, start and read to the end, inspect. */
export async function execByApi(containerId, Cmd, stdin) {
  const exec = await docker.getContainer(containerId).exec({
    Cmd,
    User: USER,
    AttachStdin: stdin !== undefined,
    AttachStdout: true,
    AttachStderr: true,
  });
  const stream = await exec.start({ hijack: true, stdin: stdin !== undefined });
  stream.resume();
  if (stdin !== undefined) stream.end(stdin);
  await once(stream, 'end');
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`docker exec ended with ${ExitCode}`);
}

/** `docker exec` as a script types it: with the engine's client, which has to be started each time. */
export function execTyped(containerId, command) {
  return run('docker', ['exec', '--user', USER, containerId, ...command]);
}

export function dockerCopy(from, to) {
  return run('docker', ['cp', '-q', from, to]);
}
