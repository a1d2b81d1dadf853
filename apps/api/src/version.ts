import { readFileSync } from 'node:fs';

import { projectPath } from './project-path.js';

const manifest = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string };

export const SERVER_NAME = 'codebeaker';
export const SERVER_VERSION = manifest.version;
