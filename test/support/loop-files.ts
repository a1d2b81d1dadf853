import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The files below a directory that are behind loop devices, unlinked ones too. */
export async function loopFilesOf(directory: string): Promise<string[]> {
  const { stdout } = await run('losetup', ['--list', '--noheadings', '--raw', '--output', 'BACK-FILE']);
  return stdout.split('\n').filter((file) => file.startsWith(`${directory}/`));
}
