import type { Language, Toolchain } from './language.js';

// Built and run in two steps: `go run` answers 1 for whatever code the program exited with.
const toolchain: Toolchain = {
  file: 'main.go',
  inWorkspace: false,
  build: ({ source, directory }) => ['go', 'build', '-buildmode=exe', '-o', `${directory}/main`, source],
  run: ({ directory }) => [`${directory}/main`],
};

export const go: Language = {
  name: 'go',
  aliases: ['golang'],
  image: 'codebeaker-golang',
  toolchain: () => toolchain,
};
