import type { Interpreter, Language, Toolchain } from './language.js';

const javascript: Toolchain = {
  file: 'main.js',
  inWorkspace: true,
  run: ({ source }) => ['node', source],
};

const typescript: Toolchain = {
  file: 'main.ts',
  inWorkspace: true,
  // Enums, namespaces and parameter properties need more than stripping; the flag warns on every run otherwise.
  run: ({ source }) => [
    'node',
    '--experimental-transform-types',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    source,
  ],
};

const driver = ['node', '/usr/local/lib/codebeaker/driver.cjs'];
const javascriptInterpreter: Interpreter = { args: driver };
const typescriptInterpreter: Interpreter = { args: [...driver, 'typescript'] };

const isTypeScript = (alias: string): boolean => alias === 'typescript' || alias === 'ts';

const directoryOf = (path: string): string => path.slice(0, path.lastIndexOf('/') + 1) || '.';

export const nodejs: Language = {
  name: 'nodejs',
  aliases: ['javascript', 'js', 'node', 'typescript', 'ts'],
  image: 'codebeaker-nodejs',
  toolchain: (alias) => (isTypeScript(alias) ? typescript : javascript),
  install: ({ packages, requirementsFile }) => [
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    ...(requirementsFile === undefined ? [] : ['--prefix', directoryOf(requirementsFile)]),
    '--',
    ...packages,
  ],
  interpreter: (alias) => (isTypeScript(alias) ? typescriptInterpreter : javascriptInterpreter),
};
