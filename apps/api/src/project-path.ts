import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the project, wherever this module lies below it: in apps/ while testing, in dist/ when built. */
export function projectPath(...parts: string[]): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('the project has no package.json');
    directory = parent;
  }
  return join(directory, ...parts);
}
