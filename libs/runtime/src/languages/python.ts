import type { Interpreter, Language, Toolchain } from './language.js';

const toolchain: Toolchain = {
  file: 'main.py',
  inWorkspace: true,
  run: ({ source }) => ['python3', source],
};

// -P: no file of /workspace takes the place of a module that the driver imports.
const interpreter: Interpreter = { args: ['python3', '-P', '-c', 'import codebeaker_driver'] };

export const python: Language = {
  name: 'python',
  aliases: ['py', 'python3'],
  image: 'codebeaker-python',
  toolchain: () => toolchain,
  install: ({ packages, requirementsFile }) => [
    'python3',
    '-m',
    'pip',
    'install',
    '--user',
    '--no-input',
    '--no-warn-script-location',
    ...(requirementsFile === undefined ? [] : ['-r', requirementsFile]),
    '--',
    ...packages,
  ],
  interpreter: () => interpreter,
};
