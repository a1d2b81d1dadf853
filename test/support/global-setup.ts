import { readFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { docker, removeLeftovers, RUN_ID, SERVER_ID_PREFIX } from './leftovers.js';

const run = promisify(execFile);

/** Before: nothing of an earlier run. After: nothing of this one, or the run has failed. */
export async function setup(): Promise<() => Promise<void>> {
  await removeLeftovers();
  const loopsBefore = await ownLoopDevices();
  return async () => {
    const left = await removeLeftovers();
    const loops = (await ownLoopDevices()).filter((device) => !loopsBefore.includes(device));
    const agents = await strayAgents();
    const all = [...left, ...loops.map((device) => `loop device ${device}`), ...agents];
    if (all.length > 0) throw new Error(`the tests left behind:\n  ${all.join('\n  ')}`);
  };
}

/** Loop devices behind a workspace of a test's server. */
async function ownLoopDevices(): Promise<string[]> {
  try {
    const { stdout } = await run('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,BACK-FILE']);
    return stdout.split('\n').filter((line) => line.includes(`/${SERVER_ID_PREFIX}`));
  } catch {
    return [];
  }
}

/** Agents that run on this host without a container that the engine knows, those of other runs' engines left aside. */
async function strayAgents(): Promise<string[]> {
  const { stdout } = await run('pgrep', ['-f', '^/codebeaker/agent']).catch(() => ({ stdout: '' }));
  const pids = stdout.split('\n').filter((pid) => pid !== '');
  const known = await knownPids();
  const unknown = pids.filter((pid) => !known.has(Number(pid)));
  const strays = await Promise.all(
    unknown.map(async (pid) => ((await isOfOthers(pid)) ? [] : [`agent process ${pid}`])),
  );
  return strays.flat();
}

/** Whether it has ended by now, or belongs to an engine that another run of the tests has made for itself. */
async function isOfOthers(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => undefined);
  if (status === undefined) return true;
  const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? '0';
  // The parent is a shim, which is told where its engine is.
  const shim = await readFile(`/proc/${parent}/cmdline`, 'utf8').catch(() => '');
  const [, run] = /\/codebeaker-engine-cbe2e-([^-/]+)-/.exec(shim) ?? [];
  return run !== undefined && run !== RUN_ID;
}

async function knownPids(): Promise<Set<number>> {
  const containers = await docker().listContainers();
  const inspected = await Promise.allSettled(containers.map(({ Id }) => docker().getContainer(Id).inspect()));
  return new Set(inspected.flatMap((one) => (one.status === 'fulfilled' ? [one.value.State.Pid] : [])));
}
