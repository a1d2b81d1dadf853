import { readdir, readFile, stat, statfs } from 'node:fs/promises';
import { networkInterfaces, version } from 'node:os';
import { join } from 'node:path';

import type { EngineFacts } from '#libs/runtime';

import { WANTED_SETTINGS } from './checks/kernel-settings.js';
import { SHARED_SETTING } from './checks/shared-limits.js';
import type { DiskFacts, HostSettings, KernelFacts, MachineFacts } from './host.js';
import { packageFacts } from './packages.js';

/** Those that a check is about. */
export const KERNEL_SETTINGS: readonly string[] = [...Object.keys(WANTED_SETTINGS), SHARED_SETTING];
const WEAKNESSES = '/sys/devices/system/cpu/vulnerabilities';
const PERMISSIONS = 0o777;
const KIB = 1024;
/** Where engines listen that listen to everybody. */
const OPEN_PORT = 2375;
const ANSWER_LIMIT_MS = 1_000;

/** Looks at this machine, which the engine must run on. What cannot be read is left out: a check then says less. */
export async function machineFacts(engine: EngineFacts, options: HostSettings): Promise<MachineFacts> {
  const [kernel, disks, socketMode, openEngines, packages] = await Promise.all([
    kernelFacts(),
    fileSystems([engine.rootDirectory, ...(options.diskLimit === 'tmpfs' ? [] : [options.stateDirectory])]),
    modeOf(engine.socket),
    enginesOpenToAll(),
    packageFacts(engine.components),
  ]);
  return {
    kernel,
    disks,
    ...(socketMode === undefined ? {} : { socketMode }),
    openEngines,
    packages,
  };
}

async function kernelFacts(): Promise<KernelFacts> {
  const [corePattern, swapBytes, sysctls, cpuWeaknesses] = await Promise.all([
    textOf('/proc/sys/kernel/core_pattern'),
    swap(),
    settings(KERNEL_SETTINGS),
    weaknesses(),
  ]);
  return { build: version(), corePattern, swapBytes, sysctls, cpuWeaknesses };
}

async function textOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}

async function swap(): Promise<number> {
  const [, ...rows] = (await textOf('/proc/swaps')).split('\n');
  return rows.reduce((sum, row) => sum + Number(row.split(/\s+/)[2] ?? 0) * KIB, 0);
}

async function settings(names: readonly string[]): Promise<Record<string, number>> {
  const read = async (name: string): Promise<[string, string]> => [
    name,
    await textOf(`/proc/sys/${name.replaceAll('.', '/')}`),
  ];
  const found = await Promise.all(names.map(read));
  return Object.fromEntries(found.filter(([, text]) => text !== '').map(([name, text]) => [name, Number(text)]));
}

async function weaknesses(): Promise<Record<string, string>> {
  const names = await readdir(WEAKNESSES).catch(() => []);
  const states = await Promise.all(names.map((name) => textOf(join(WEAKNESSES, name))));
  return Object.fromEntries(names.map((name, at) => [name, states[at] ?? '']));
}

/** Paths on one file system are told once. */
async function fileSystems(paths: readonly string[]): Promise<DiskFacts[]> {
  const found = new Map<number, DiskFacts>();
  for (const path of paths) {
    try {
      const { dev } = await stat(path);
      const { bsize, bavail, blocks, ffree, files } = await statfs(path);
      const facts = {
        path,
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
        freeInodes: ffree,
        totalInodes: files,
      };
      if (!found.has(dev)) found.set(dev, facts);
    } catch {
      continue;
    }
  }
  return [...found.values()];
}

async function modeOf(socket: string | undefined): Promise<number | undefined> {
  if (socket === undefined) return undefined;
  return stat(socket).then(
    ({ mode }) => mode & PERMISSIONS,
    () => undefined,
  );
}

/** Addresses of this machine at which an engine answers who has not shown who he is. */
async function enginesOpenToAll(): Promise<string[]> {
  const hosts = ['127.0.0.1', ...ownAddresses()].map((address) => (address.includes(':') ? `[${address}]` : address));
  const asked = await Promise.all(hosts.map((host) => answersAsEngine(`${host}:${OPEN_PORT}`)));
  return asked.filter((host) => host !== undefined);
}

/** This machine's addresses for others. */
export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, scopeid }) => !internal && !scopeid)
    .map(({ address }) => address);
}

async function answersAsEngine(host: string): Promise<string | undefined> {
  try {
    const reply = await fetch(`http://${host}/_ping`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    return reply.headers.has('api-version') ? host : undefined;
  } catch {
    return undefined;
  }
}
