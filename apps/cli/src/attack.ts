import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';

import { projectPath } from '../../api/src/project-path.js';

/**
 * Runs the hostile programs and resolves with whether all of them held. What they say goes to stderr.
 * @param only numbers and ranges of cases; all where absent
 */
export async function attack(only?: string): Promise<boolean> {
  const script = projectPath('test', 'attack', 'main.mjs');
  if (!existsSync(script)) {
    process.stderr.write('The hostile programs are not here: run npm run attack in a checkout of CodeBeaker.\n');
    return false;
  }
  const child = spawn(process.execPath, [script, ...(only === undefined ? [] : ['--only', only])], {
    cwd: projectPath(),
    stdio: ['ignore', process.stderr, 'inherit'],
  });
  const [code] = await once(child, 'exit');
  return code === 0;
}
