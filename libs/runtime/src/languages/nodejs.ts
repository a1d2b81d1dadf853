import type { Language, Toolchain } from './language.js';

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

export const nodejs: Language = {
  name: 'nodejs',
  aliases: ['javascript', 'js', 'node', 'typescript', 'ts'],
  image: 'codebeaker-nodejs',
  toolchain: (alias) => (alias === 'typescript' || alias === 'ts' ? typescript : javascript),
};
