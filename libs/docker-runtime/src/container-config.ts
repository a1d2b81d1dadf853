import type { ContainerCreateOptions, HostConfig } from 'dockerode';

import type { ChangeableLimits, SandboxLimits, SandboxSpec } from '#libs/runtime';

import type { DockerRuntimeOptions } from './options.js';

export const LABEL_SERVER = 'codebeaker';
export const LABEL_PREFIX = 'codebeaker.';
export const AGENT_MOUNT = '/codebeaker';
export const SANDBOX_UID = 10_001;

const MIB = 1_048_576;
/** Threads of the agent, which the tenant's own pids limit must not have to share. */
const AGENT_PIDS = 48;
/** Memory of the agent with some output in its rings. */
const AGENT_MEMORY_BYTES = 24 * MIB;
/** The agent raises its own limit to the hard one: it holds pipes for all commands, and two files a level of a tree. */
const AGENT_OPEN_FILES = 4_096;
const SHM_BYTES = 64 * MIB;
/** One inode for so many bytes: a tree of small files, as package managers make, must fit. */
export const BYTES_PER_INODE = 8_192;
/** Docker's default for a tmpfs is noexec, which Go and native code cannot live with. */
const EXECUTABLE = 'exec';
/** A small tmpfs may have some more: its inodes are counted into the sandbox's memory anyway. */
const MIN_TMPFS_INODES = 1_024;

/** Where /workspace comes from. */
export type WorkspaceMount = { readonly kind: 'tmpfs' } | { readonly kind: 'loop-ext4'; readonly device: string };

/** What a container is given besides its spec and the server's options. */
export interface ContainerParts {
  readonly agentVolume: string;
  readonly workspace: WorkspaceMount;
}

type Options = Pick<DockerRuntimeOptions, 'serverId' | 'seccompProfile' | 'ociRuntime'>;

/**
 * The whole lock-down of a sandbox: a pure function, so that a table of tests can hold every wall in place.
 * The agent keeps three capabilities, to become the sandbox user and to kill what that user started; commands get
 * none (DESIGN.md, *Lock-down of every sandbox*).
 */
export function containerConfig(spec: SandboxSpec, options: Options, parts: ContainerParts): ContainerCreateOptions {
  return {
    Image: spec.image,
    User: '0:0',
    Entrypoint: [`${AGENT_MOUNT}/agent`],
    Cmd: [],
    WorkingDir: '/',
    Hostname: 'sandbox',
    Labels: containerLabels(spec, options.serverId),
    OpenStdin: true,
    StdinOnce: false,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    Healthcheck: { Test: ['NONE'] },
    HostConfig: hostConfig(spec, options, parts),
  };
}

function containerLabels(spec: SandboxSpec, serverId: string): Record<string, string> {
  const labels: Record<string, string> = { [LABEL_SERVER]: serverId };
  for (const [name, value] of Object.entries(spec.labels)) labels[LABEL_PREFIX + name] = value;
  return labels;
}

function hostConfig({ limits }: SandboxSpec, options: Options, parts: ContainerParts): HostConfig {
  const { workspace } = parts;
  return {
    // The engine removes whatever dies, with its anonymous volumes, even when no server is there to see it.
    AutoRemove: true,
    RestartPolicy: { Name: 'no' },
    NetworkMode: limits.network,
    ReadonlyRootfs: true,
    Tmpfs: {
      '/tmp': tmpfs(limits.tmpBytes, `${EXECUTABLE},mode=1777`),
      '/dev/shm': tmpfs(SHM_BYTES, 'noexec,mode=1777'),
      ...(workspace.kind === 'tmpfs'
        ? { '/workspace': tmpfs(limits.diskBytes, `${EXECUTABLE},mode=0755,${owner()}`) }
        : {}),
    },
    Mounts: [
      {
        Type: 'volume',
        Source: parts.agentVolume,
        Target: AGENT_MOUNT,
        ReadOnly: true,
        VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: 'local', Options: {} } },
      },
      ...(workspace.kind === 'loop-ext4' ? [loopVolume(workspace.device, options.serverId)] : []),
    ],
    // The engine's own /dev/shm has no bound of inodes.
    IpcMode: 'none',
    ...changeableConfig(limits, fileBytesOf(limits, workspace.kind)),
    Ulimits: [
      { Name: 'nofile', Soft: limits.openFiles, Hard: Math.max(limits.openFiles, AGENT_OPEN_FILES) },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    CapDrop: ['ALL'],
    CapAdd: ['SETUID', 'SETGID', 'KILL'],
    SecurityOpt: ['no-new-privileges', `seccomp=${options.seccompProfile}`],
    // Output goes to the attached server and nowhere else: a flood must not fill the host's disk.
    LogConfig: { Type: 'none', Config: {} },
    Init: false,
    ...(options.ociRuntime === undefined ? {} : { Runtime: options.ociRuntime }),
  };
}

/**
 * The part that the engine can change while a container runs.
 * @param fileBytes memory that is for files
 */
export function changeableConfig(limits: ChangeableLimits, fileBytes: number) {
  const memory = limits.memoryBytes + AGENT_MEMORY_BYTES + fileBytes;
  return {
    Memory: memory,
    // Equal to Memory: no swap. Unset, the engine would allow as much again.
    MemorySwap: memory,
    NanoCpus: Math.round(limits.cpus * 1e9),
    ...(limits.cpuShares === undefined ? {} : { CpuShares: limits.cpuShares }),
    PidsLimit: limits.pids + AGENT_PIDS,
  };
}

/** Files of a tmpfs are memory: without the raise a full one would kill the programs. */
export function fileBytesOf(limits: SandboxLimits, workspace: WorkspaceMount['kind']): number {
  return limits.tmpBytes + (workspace === 'tmpfs' ? limits.diskBytes : 0);
}

function loopVolume(device: string, serverId: string) {
  return {
    Type: 'volume' as const,
    Source: '',
    Target: '/workspace',
    VolumeOptions: {
      NoCopy: true,
      Labels: { [LABEL_SERVER]: serverId },
      DriverConfig: { Name: 'local', Options: { type: 'ext4', device, o: 'nosuid,nodev' } },
    },
  };
}

function tmpfs(bytes: number, options: string): string {
  const inodes = Math.max(MIN_TMPFS_INODES, Math.floor(bytes / BYTES_PER_INODE));
  return `rw,nosuid,nodev,size=${bytes},nr_inodes=${inodes},${options}`;
}

function owner(): string {
  return `uid=${SANDBOX_UID},gid=${SANDBOX_UID}`;
}
