import { readFile } from 'node:fs/promises';

import { projectPath } from './project-path.js';

/** docker/seccomp.json in one line, as the engine takes it. */
export async function readSeccompProfile(): Promise<string> {
  return JSON.stringify(JSON.parse(await readFile(projectPath('docker', 'seccomp.json'), 'utf8')));
}
