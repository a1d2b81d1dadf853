import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

import type { EngineComponent } from '#libs/runtime';

import type { PackageFacts } from './host.js';

const unzip = promisify(gunzip);
/** Packages of Debian and its descendants that a component comes in. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  Engine: ['docker.io'],
  containerd: ['containerd'],
  runc: ['runc'],
};
const HEAD = /^\S+ \(([^)]+)\)/;
const CVE = /CVE-\d{4}-\d{4,}/g;

/** The packages that these components were installed from, where this machine has their changelogs. */
export async function packageFacts(components: readonly EngineComponent[]): Promise<Record<string, PackageFacts>> {
  const found: Record<string, PackageFacts> = {};
  for (const component of components) {
    for (const name of PACKAGES[component.name] ?? []) {
      const facts = await changelogFacts(`/usr/share/doc/${name}/changelog.Debian.gz`);
      if (facts && isOf(facts.version, component)) found[component.name] = facts;
    }
  }
  return found;
}

/** What a changelog says; undefined where it is none. */
export function readChangelog(text: string): PackageFacts | undefined {
  const version = HEAD.exec(text)?.[1];
  return version === undefined ? undefined : { version, cves: [...new Set(text.match(CVE) ?? [])] };
}

/** Whether what runs was installed from a package of this version: another one may be installed and not yet started. */
function isOf(version: string, component: EngineComponent): boolean {
  return version === component.build || version.startsWith(`${component.version}-`);
}

async function changelogFacts(path: string): Promise<PackageFacts | undefined> {
  const zipped = await readFile(path).catch(() => undefined);
  return zipped && readChangelog((await unzip(zipped)).toString());
}
