import { Logger } from '@nestjs/common';
import { execFile } from 'node:child_process';
import { access, constants, mkdir, readdir, rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { BYTES_PER_INODE, SANDBOX_UID } from './container-config.js';
import type { WorkspaceDisk } from './workspace-disks.js';

const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 20_000;
/** One page: a write then fits to the last of them. */
const BLOCK_BYTES = 4_096;
/** EXTENTS_FL and JOURNAL_DATA_FL, which every new file inherits. */
const ROOT_FLAGS = '0x84000';
const TEMPLATE_PREFIX = 'template-';
/** Clients choose sizes: only so many templates are kept, each some hundred KiB. */
const MAX_TEMPLATES = 16;
const CANNOT_RESERVE = /not supported/i;

/**
 * Disks as loop-mounted ext4 files: they cost no memory, end at their size, and free themselves. Once the container
 * has mounted the device, the device is told to clear itself at the last unmount and the file is unlinked, so the end
 * of the container, however it comes, leaves nothing.
 */
export class LoopDisks {
  private readonly templates = new Map<number, Promise<string>>();
  private readonly logger = new Logger(LoopDisks.name);
  private made = 0;

  private constructor(
    private readonly directory: string,
    private reserves: boolean,
  ) {}

  /**
   * @param reserves whether a disk takes its whole size from the host's when it is made. Where it does not, and the
   * host's disk runs full, the kernel drops what programs have written already, tells at most their fsync, and leaves
   * the file system damaged.
   * @throws Error saying what this host lacks
   */
  static async open(directory: string, reserves: boolean): Promise<LoopDisks> {
    if (process.getuid?.() !== 0) throw new Error('the server does not run as root');
    await access('/dev/loop-control', constants.R_OK | constants.W_OK).catch(() => {
      throw new Error('there is no /dev/loop-control');
    });
    await Promise.all([
      tool('mkfs.ext4', ['-V']),
      tool('losetup', ['--version']),
      tool('debugfs', ['-V']),
      tool('fallocate', ['-V']),
    ]);
    const disks = new LoopDisks(directory, reserves);
    await disks.makeDirectory();
    await LoopDisks.sweep(directory);
    return disks;
  }

  async make(bytes: number): Promise<WorkspaceDisk> {
    const template = await this.template(bytes);
    const file = join(this.directory, `${process.pid}-${++this.made}.ext4`);
    try {
      await tool('cp', ['--sparse=always', '--reflink=auto', template, file]);
      if (this.reserves) await this.reserve(file, bytes);
      const device = (await tool('losetup', ['--find', '--show', '--direct-io=off', file])).trim();
      const free = async (): Promise<void> => {
        await Promise.all([tool('losetup', ['--detach', device]), rm(file, { force: true })]);
      };
      let freeing: Promise<void> | undefined;
      // Done once: when the container has ended, the device may be another's.
      const release = (): Promise<void> => {
        freeing ??= free().catch((error: unknown) => {
          freeing = undefined;
          throw error;
        });
        return freeing;
      };
      return { mount: { kind: 'loop-ext4', device }, mounted: release, discard: release };
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  }

  private async reserve(file: string, bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    // Taking what there is to find that it is too little would leave others without for a moment; and what is kept for
    // root is not for sandboxes.
    if (bavail * bsize < bytes) throw Object.assign(new Error('the disk has no room for it'), { code: 'ENOSPC' });
    try {
      await tool('fallocate', ['--length', String(bytes), file]);
    } catch (error) {
      if (!(error instanceof Error) || !CANNOT_RESERVE.test(error.message)) throw error;
      this.reserves = false;
      this.logger.warn('the file system of STATE_DIRECTORY cannot reserve space: it must never run full');
    }
  }

  private async template(bytes: number): Promise<string> {
    const known = this.templates.get(bytes);
    if (known && (await exists(await known))) return known;
    // Nobody has asked yet, or somebody has cleaned up here: the first who finds it so makes it anew.
    const other = this.templates.get(bytes);
    if (other && other !== known) return other;
    const template = this.format(bytes);
    this.dropOldest();
    this.templates.set(bytes, template);
    template.catch(() => this.templates.delete(bytes));
    return template;
  }

  private dropOldest(): void {
    const [oldest] = this.templates.keys();
    if (oldest === undefined || this.templates.size < MAX_TEMPLATES) return;
    this.templates.delete(oldest);
    void rm(join(this.directory, `${TEMPLATE_PREFIX}${oldest}`), { force: true });
  }

  private async format(bytes: number): Promise<string> {
    const file = join(this.directory, `${TEMPLATE_PREFIX}${bytes}`);
    try {
      await this.formatAs(file, bytes);
      return file;
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    }
  }

  private async formatAs(file: string, bytes: number): Promise<void> {
    await this.makeDirectory();
    await writeFile(file, '');
    await truncate(file, bytes);
    const extended = `root_owner=${SANDBOX_UID}:${SANDBOX_UID},lazy_itable_init=1,nodiscard`;
    await tool('mkfs.ext4', [
      '-q',
      '-F',
      '-m',
      '0',
      '-b',
      `${BLOCK_BYTES}`,
      '-i',
      `${BYTES_PER_INODE}`,
      '-O',
      '^has_journal',
      '-E',
      extended,
      file,
    ]);
    await tool('debugfs', ['-w', '-R', 'rmdir lost+found', file]);
    // Newer kernels take up to 2 MiB at once and refuse all of it where less is left. They do so not for files whose
    // data is to be journaled; and without a journal that flag means nothing else.
    await tool('debugfs', ['-w', '-R', `set_inode_field / flags ${ROOT_FLAGS}`, file]);
  }

  private async makeDirectory(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
  }

  /** Removes what a server that was killed between two steps left here. */
  static async sweep(directory: string): Promise<void> {
    const names = await readdir(directory);
    if (names.length === 0) return;
    const listed = await tool('losetup', ['--list', '--noheadings', '--raw', '--output', 'NAME,AUTOCLEAR,BACK-FILE']);
    for (const line of listed.split('\n')) {
      const [device, autoclear, ...path] = line.split(' ');
      if (device && autoclear === '0' && path.join(' ').startsWith(`${directory}/`)) {
        await tool('losetup', ['--detach', device]);
      }
    }
    for (const name of names) await rm(join(directory, name), { force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function tool(name: string, args: string[]): Promise<string> {
  const { stdout } = await run(name, args, {
    timeout: TOOL_TIMEOUT_MS,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
  });
  return stdout;
}
