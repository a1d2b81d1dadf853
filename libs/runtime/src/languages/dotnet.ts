import type { Interpreter, Language, Toolchain } from './language.js';

// The image's csbuild calls the compiler without MSBuild: a second instead of several.
const toolchain: Toolchain = {
  file: 'Program.cs',
  inWorkspace: false,
  build: ({ source, directory }) => ['csbuild', source, directory],
  run: ({ directory }) => ['dotnet', `${directory}/app.dll`],
};

const interpreter: Interpreter = { args: ['dotnet', '/usr/local/lib/codebeaker/driver.dll'] };

export const dotnet: Language = {
  name: 'dotnet',
  aliases: ['csharp', 'cs', 'c#'],
  image: 'codebeaker-dotnet',
  toolchain: () => toolchain,
  interpreter: () => interpreter,
};
