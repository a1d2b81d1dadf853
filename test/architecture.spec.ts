import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

interface Source {
  /** Below the project, with slashes. */
  readonly path: string;
  readonly text: string;
  /** What it imports, relative paths resolved to paths below the project. */
  readonly imports: readonly string[];
}

/** What runs in production: specs, contracts and fakes may look wherever they must. */
const sources: Source[] = ['apps', 'libs']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
  )
  .filter((path) => path.endsWith('.ts') && !/\.(spec|contract|d)\.ts$/.test(path) && !path.includes('/testing/'))
  .map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const imports = ts
      .preProcessFile(text, true, true)
      .importedFiles.map(({ fileName }) =>
        fileName.startsWith('.') ? relative(ROOT, join(ROOT, dirname(path), fileName)) : fileName,
      );
    return { path, text, imports };
  });

const packageOf = (name: string): string => name.split('/', name.startsWith('@') ? 2 : 1).join('/');
const isOurs = (name: string): boolean => name.startsWith('#') || name.startsWith('libs/') || name.startsWith('apps/');
const isPackage = (name: string): boolean => !isOurs(name) && !name.startsWith('node:');

/** Files below `folder` that import what they should not, each with what that is. */
function offenders(folder: string, isAllowed: (name: string, path: string) => boolean): string[] {
  return sources
    .filter(({ path }) => path.startsWith(folder))
    .flatMap(({ path, imports }) =>
      imports.filter((name) => !isAllowed(name, path)).map((name) => `${path} imports ${name}`),
    );
}

/** The import table of STYLE.md, section 3. Packages are what a library may import from outside; Node's own is free. */
const TABLE: Record<string, { libs: string[]; packages: string[] }> = {
  jsonrpc: {
    libs: [],
    packages: [
      '@nestjs/common',
      '@nestjs/core',
      '@nestjs/websockets',
      '@nestjs/platform-ws',
      'class-transformer',
      'class-validator',
      'class-validator-jsonschema',
      'reflect-metadata',
      'rxjs',
      'ws',
    ],
  },
  runtime: { libs: [], packages: ['@nestjs/common'] },
  'docker-runtime': { libs: ['runtime'], packages: ['@nestjs/common', 'dockerode'] },
  sessions: { libs: ['runtime'], packages: ['@nestjs/common', '@nestjs/schedule', 'cron'] },
  processes: { libs: ['runtime', 'sessions'], packages: ['@nestjs/common'] },
  doctor: { libs: ['runtime'], packages: [] },
  contexts: { libs: ['runtime', 'sessions', 'processes'], packages: ['@nestjs/common'] },
  commands: {
    libs: ['runtime', 'sessions', 'contexts'],
    packages: ['@nestjs/common', '@nestjs/core', 'class-transformer', 'class-validator'],
  },
};

describe('the import table', () => {
  it('is about the files that there are', () => {
    expect(sources.length).toBeGreaterThan(80);
    const libs = new Set(sources.filter(({ path }) => path.startsWith('libs/')).map(({ path }) => path.split('/')[1]));
    expect(libs).toEqual(new Set(Object.keys(TABLE)));
  });

  it.each(Object.entries(TABLE))('libs/%s imports only what it may', (lib, { libs, packages }) => {
    const allowed = (name: string): boolean => {
      if (name.startsWith('node:')) return true;
      if (name.startsWith('libs/')) return name.startsWith(`libs/${lib}/`);
      if (name.startsWith('#')) return libs.some((other) => name === `#libs/${other}`);
      return packages.includes(packageOf(name));
    };

    expect(offenders(`libs/${lib}/`, allowed)).toEqual([]);
  });

  it('reaches another library by its name alone, never deep into it', () => {
    const names = Object.keys(TABLE).map((lib) => `#libs/${lib}`);

    expect(offenders('', (name) => !name.startsWith('#') || names.includes(name))).toEqual([]);
    expect(offenders('apps/', (name) => !name.startsWith('libs/'))).toEqual([]);
    expect(offenders('libs/', (name) => !name.startsWith('apps/'))).toEqual([]);
  });

  it('lets dockerode into the Docker runtime alone', () => {
    const importers = sources.filter(({ imports }) => imports.includes('dockerode')).map(({ path }) => path);

    expect(importers.length).toBeGreaterThan(0);
    expect(importers.filter((path) => !path.startsWith('libs/docker-runtime/src/'))).toEqual([]);
  });

  it('lets runtime.module.ts alone pick the runtime; config.module.ts knows its options and no more', () => {
    const importers = sources.filter(({ imports }) => imports.includes('#libs/docker-runtime'));
    expect(importers.map(({ path }) => path).sort()).toEqual([
      'apps/api/src/config/config.module.ts',
      'apps/api/src/runtime.module.ts',
    ]);

    const config = importers.find(({ path }) => path.endsWith('config.module.ts'));
    expect(config?.text).toMatch(/import \{ DockerRuntimeOptions \} from '#libs\/docker-runtime'/);
  });
});

describe('the environment', () => {
  it('is read in each main.ts alone', () => {
    const readers = sources.filter(({ text }) => /\bprocess\s*(\.|\?\.|\[\s*['"`])\s*env\b/.test(text));

    expect(readers.map(({ path }) => path).sort()).toEqual(['apps/api/src/main.ts', 'apps/cli/src/main.ts']);
  });
});

describe('a dependency', () => {
  it('is declared where it is imported', () => {
    const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: object };
    const undeclared = offenders('', (name) => !isPackage(name) || packageOf(name) in manifest.dependencies);

    expect(undeclared).toEqual([]);
  });
});
