import { readFile } from 'node:fs/promises';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { removeLeftovers, SERVER_ID_PREFIX } from './leftovers.js';

const run = promisify(execFile);

/** Before: nothing of an earlier run. After: nothing of this one, or the run has failed. */
export async function setup(): Promise<() => Promise<void>> {
  await removeLeftovers();
  const loopsBefore = await ownLoopDevices();
  return async () => {
    const left = await removeLeftovers();
    const loops = (await ownLoopDevices()).filter((device) => !loopsBefore.includes(device));
    const agents = await agentProcesses();
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

/** Agents of tests that run on this host without a container that the engine knows. */
async function agentProcesses(): Promise<string[]> {
  try {
    const { stdout } = await run('pgrep', ['-f', '^/codebeaker/agent']);
    const pids = stdout.split('\n').filter((pid) => pid !== '');
    const known = await knownPids();
    const strays: string[] = [];
    for (const pid of pids) {
      if (known.has(Number(pid))) continue;
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
      if (status !== '') strays.push(`agent process ${pid}`);
    }
    return strays;
  } catch {
    return [];
  }
}

async function knownPids(): Promise<Set<number>> {
  const { docker } = await import('./leftovers.js');
  const containers = await docker().listContainers();
  const inspected = await Promise.all(containers.map(({ Id }) => docker().getContainer(Id).inspect()));
  return new Set(inspected.map(({ State }) => State.Pid));
}
