import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { projectPath } from '../../apps/api/src/project-path.js';
import { eventually } from './eventually.js';

const run = promisify(execFile);

/** What `npm start` runs. */
export const MAIN = projectPath('dist', 'apps', 'api', 'src', 'main.js');

/** The program `codebeaker`. */
export const CLI = projectPath('dist', 'apps', 'cli', 'src', 'main.js');

const LOCK = join(tmpdir(), `codebeaker-build-${createHash('sha256').update(MAIN).digest('hex').slice(0, 12)}`);

let built: Promise<void> | undefined;

/** Builds the server when it was never built or when its sources are newer; test files that come at once take turns. */
export function ensureBuilt(): Promise<void> {
  built ??= build();
  return built;
}

async function build(): Promise<void> {
  await eventually(takeLock, (taken) => taken, 'another build ends', 110_000);
  try {
    if ((await changedAt(MAIN)) > (await newestSource())) return;
    await run(process.execPath, [projectPath('node_modules', '.bin', 'nest'), 'build'], { cwd: projectPath() });
  } finally {
    await rm(LOCK, { force: true });
  }
}

async function takeLock(): Promise<boolean> {
  try {
    await writeFile(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    const owner = Number(await readFile(LOCK, 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await rm(LOCK, { force: true });
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function newestSource(): Promise<number> {
  const folders = await Promise.all(
    ['apps', 'libs'].map((folder) => readdir(projectPath(folder), { recursive: true, withFileTypes: true })),
  );
  const sources = folders
    .flat()
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts'))
    .map((entry) => join(entry.parentPath, entry.name));
  const settings = ['nest-cli.json', 'tsconfig.json', 'tsconfig.build.json', 'package.json'].map((file) =>
    projectPath(file),
  );
  return Math.max(...(await Promise.all([...sources, ...settings].map(changedAt))));
}

async function changedAt(file: string): Promise<number> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
