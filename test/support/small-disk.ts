import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MIB = 1_048_576;

/** A real file system that a test may fill, mounted at `path`. */
export class SmallDisk {
  path = '';
  private directory = '';

  constructor(private readonly megabytes: number) {}

  async mount(): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'codebeaker-disk-'));
    this.path = join(this.directory, 'mounted');
    const image = join(this.directory, 'image');
    await mkdir(this.path);
    await writeFile(image, '');
    await truncate(image, this.megabytes * MIB);
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', image]);
    await run('mount', ['-o', 'loop', image, this.path]);
  }

  /** Takes every block that is free. */
  async fill(): Promise<void> {
    await run('dd', ['if=/dev/zero', `of=${this.filler}`, 'bs=1M', 'oflag=append', 'conv=notrunc']).catch(
      () => undefined,
    );
    await run('dd', ['if=/dev/zero', `of=${this.filler}`, 'bs=4k', 'oflag=append', 'conv=notrunc,fsync']).catch(
      () => undefined,
    );
  }

  async free(): Promise<void> {
    await rm(this.filler, { force: true });
  }

  async unmount(): Promise<void> {
    await run('umount', [this.path]).catch(() => run('umount', ['--lazy', this.path]));
    await rm(this.directory, { recursive: true, force: true });
  }

  private get filler(): string {
    return join(this.path, 'filler');
  }
}
