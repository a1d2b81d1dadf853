import { describe, expect, it } from 'vitest';

import { findLanguage, LANGUAGES } from './index.js';

const PATHS = { source: '/workspace/.run-1.x', directory: '/tmp/run-1' };

describe('findLanguage', () => {
  it.each([
    ['python', ['python', 'py', 'python3']],
    ['python-data', ['python-data']],
    ['nodejs', ['nodejs', 'javascript', 'js', 'node', 'typescript', 'ts']],
    ['go', ['go', 'golang']],
    ['dotnet', ['dotnet', 'csharp', 'cs', 'c#']],
  ])('knows %s by every name that API.md gives it', (name, names) => {
    for (const each of names) expect(findLanguage(each)?.name, each).toBe(name);
  });

  it('does not mind the case', () => {
    expect(findLanguage('PyThOn')?.name).toBe('python');
  });

  it.each(['', 'cobol', '__proto__', 'constructor', 'python ', 'codebeaker-python'])('knows nothing of %j', (name) => {
    expect(findLanguage(name)).toBeUndefined();
  });
});

describe('LANGUAGES', () => {
  it('have no name or alias twice', () => {
    const names = LANGUAGES.flatMap(({ name, aliases }) => [name, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(LANGUAGES.map((language) => [language.name, language] as const))(
    '%s has a toolchain under each of its names whose programs are argv',
    (_name, { name, aliases, toolchain }) => {
      for (const alias of [name, ...aliases]) {
        const { file, build, run } = toolchain(alias);
        expect(file).toMatch(/^\w+\.\w+$/);
        expect(run(PATHS).join(' ')).toContain(build ? PATHS.directory : PATHS.source);
        if (build) expect(build(PATHS)).toContain(PATHS.source);
      }
    },
  );

  it('run TypeScript as such only where it was asked for by name', () => {
    const nodejs = findLanguage('nodejs');
    expect(nodejs?.toolchain('ts').file).toBe('main.ts');
    expect(nodejs?.toolchain('typescript').file).toBe('main.ts');
    for (const alias of ['nodejs', 'javascript', 'js', 'node']) expect(nodejs?.toolchain(alias).file).toBe('main.js');
  });
});
