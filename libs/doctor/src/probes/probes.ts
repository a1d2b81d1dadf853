import { randomUUID } from 'node:crypto';

import type { ProcessEnd, Sandbox, SandboxLimits, SandboxRuntime } from '#libs/runtime';

import type { HostSettings, LimitFacts, ProbeFacts, SandboxFacts } from '../host.js';
import { KERNEL_SETTINGS, ownAddresses } from '../machine.js';
import { LOOK_AROUND, START_PROCESSES, TAKE_MEMORY } from './probe-program.js';

const MIB = 1_048_576;
const RUN_LIMIT_MS = 60_000;
/** Should this process die before it can remove its sandbox. */
const SELF_DESTRUCT_MS = 5 * RUN_LIMIT_MS;
const MAX_OUTPUT_BYTES = MIB;
/** Small, so that going beyond them is quick. */
const LIMITS: SandboxLimits = {
  memoryBytes: 64 * MIB,
  cpus: 0.5,
  pids: 24,
  diskBytes: 16 * MIB,
  tmpBytes: 4 * MIB,
  openFiles: 256,
  network: 'none',
};
/** Of the engine's API, with and without TLS. */
const ENGINE_PORTS = [2375, 2376];
/** Gateways of Docker's networks, of Docker Desktop's virtual machine, and where clouds keep secrets. */
const GATEWAYS = ['172.17.0.1', '172.18.0.1', '192.168.65.7', '192.168.65.1', 'host.docker.internal'];
const METADATA = '169.254.169.254:80';

interface Run {
  readonly end: ProcessEnd;
  readonly lines: readonly string[];
}

type RunPython = (program: string, args: readonly string[]) => Promise<Run>;

/**
 * Makes a sandbox as sessions are made, looks at it from inside, goes beyond its limits, and removes it.
 * @param image one with Python
 * @param signal ends it early; nothing is left then either
 * @throws RuntimeError as SandboxRuntime.create does; Error where the programs could not be run
 */
export async function probe(
  runtime: SandboxRuntime,
  image: string,
  settings: HostSettings,
  signal?: AbortSignal,
): Promise<ProbeFacts> {
  const sandbox = await runtime.create({ image, limits: LIMITS, labels: { doctor: 'true' } });
  try {
    await sandbox.agent.claim(Buffer.from('doctor'), SELF_DESTRUCT_MS);
    const run = runIn(sandbox, signal);
    const seen = await lookAround(run, addressesToTry(settings));
    return {
      ...seen,
      diskLimitKind: sandbox.diskLimitKind,
      cpuLimit: LIMITS.cpus,
      memory: await beyond(run, TAKE_MEMORY, LIMITS.memoryBytes),
      pids: await beyond(run, START_PROCESSES, LIMITS.pids),
    };
  } finally {
    await sandbox.destroy();
  }
}

function addressesToTry(settings: HostSettings): string[] {
  const ports = [...ENGINE_PORTS, ...(settings.port > 0 ? [settings.port] : [])];
  const hosts = [...ownAddresses(), ...GATEWAYS];
  return [...hosts.flatMap((host) => ports.map((port) => `${host}:${port}`)), METADATA];
}

async function lookAround(
  run: RunPython,
  addresses: readonly string[],
): Promise<{ sandbox: SandboxFacts; disk: LimitFacts; tmp: LimitFacts }> {
  const { end, lines } = await run(LOOK_AROUND, [
    String(LIMITS.diskBytes),
    String(LIMITS.tmpBytes),
    KERNEL_SETTINGS.join(','),
    ...addresses,
  ]);
  const answer = lines.at(-1);
  if (end.exitCode !== 0 || answer === undefined) {
    const { endReason, exitCode, message, kind, errno } = end;
    const why = [message, kind, errno].filter((text) => text !== undefined).join(', ');
    throw new Error(
      `a program in it ended as ${endReason}, exit code ${exitCode ?? 'none'} (${why || 'no reason given'})`,
    );
  }
  const {
    sandbox: seen,
    disk,
    tmp,
  } = JSON.parse(answer) as {
    sandbox: Omit<SandboxFacts, 'clockOffsetMs' | 'cpus'> & { now: number; cpus: number | null };
    disk: LimitFacts;
    tmp: LimitFacts;
  };
  const { now, cpus, ...facts } = seen;
  return {
    sandbox: { ...facts, ...(cpus === null ? {} : { cpus }), clockOffsetMs: now - Date.now() },
    disk,
    tmp,
  };
}

async function beyond(run: RunPython, program: string, limit: number): Promise<LimitFacts> {
  const { end, lines } = await run(program, []);
  return { limit, reached: Number(lines.at(-1) ?? 0), endReason: end.endReason };
}

function runIn(sandbox: Sandbox, signal?: AbortSignal): RunPython {
  return async (program, args) => {
    const parts: Buffer[] = [];
    const end = await sandbox.agent.run(
      {
        processId: randomUUID(),
        args: ['python3', '-I', '-c', program, ...args],
        env: { ...sandbox.baseEnv },
        cwd: '/workspace',
        timeoutMs: RUN_LIMIT_MS,
        forwardBytes: MAX_OUTPUT_BYTES,
        outputLimitBytes: MAX_OUTPUT_BYTES,
      },
      {
        ...(signal ? { signal } : {}),
        onOutput: ({ stream, data }) => {
          if (stream === 'stdout') parts.push(Buffer.from(data));
        },
      },
    );
    // A program that was stopped has shown nothing.
    signal?.throwIfAborted();
    const lines = Buffer.concat(parts).toString().split('\n');
    return { end, lines: lines.filter((line) => line !== '') };
  };
}
