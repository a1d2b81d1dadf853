import type { Language, Toolchain } from './language.js';

const toolchain: Toolchain = {
  file: 'main.py',
  inWorkspace: true,
  run: ({ source }) => ['python3', source],
};

export const python: Language = {
  name: 'python',
  aliases: ['py', 'python3'],
  image: 'codebeaker-python',
  toolchain: () => toolchain,
};
