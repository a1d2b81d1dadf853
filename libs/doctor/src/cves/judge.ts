import type { Host, PackageFacts } from '../host.js';
import { type Judgement, unknown, type Verdict, worst } from '../finding.js';
import type { Cve, CveComponent } from './cve.js';
import { DOORS } from './doors.js';
import { CVES } from './table.js';
import { compareVersions, isSameBranch, parseVersion, type Version } from './version.js';

/** What a version's number says of a CVE: `vendors` where the distribution may have fixed it without a newer number. */
export type CveState = 'fixed' | 'affected' | 'vendors' | 'unknown';

/** A component as it is installed. */
export interface Installed {
  readonly component: CveComponent;
  readonly version: string;
  /** What it was built from, as it says itself. */
  readonly build?: string;
  readonly package?: PackageFacts;
}

/** A CVE that is not known to be fixed here. */
interface Open {
  readonly cve: Cve;
  readonly state: Exclude<CveState, 'fixed'>;
  readonly isReachable: boolean;
}

/** What the number alone says. */
export function stateOf(cve: Cve, version: Version): CveState {
  const since = parseVersion(cve.since ?? '');
  if (since && compareVersions(version, since) < 0) return 'fixed';
  const fixes = cve.fixedIn.map((text) => parseVersion(text)).filter((fix) => fix !== undefined);
  const ownBranch = fixes.find((fix) => isSameBranch(fix, version));
  const newest = fixes.at(-1);
  const isFixed = ownBranch
    ? compareVersions(version, ownBranch) >= 0
    : newest !== undefined && compareVersions(version, newest) > 0;
  if (isFixed) return 'fixed';
  if (version.isVendors) return 'vendors';
  return ownBranch || !cve.isPartial ? 'affected' : 'unknown';
}

/** What the table says of a component of this host. */
export function judgeComponent(host: Host, installed: Installed): Judgement {
  const version = parseVersion(installed.version, installed.build);
  if (!version) {
    return unknown(
      `${installed.component} does not tell its version.`,
      `Upgrade ${NAMES[installed.component]} to its newest release.`,
    );
  }
  const open = openCves(host, installed, version);
  const verdict = worst(open.map(verdictOf));
  const escapes = open.filter((one) => one.state === 'affected' && one.cve.isEscape && one.isReachable);
  return {
    verdict,
    found: [`${installed.component} ${installed.version}.`, ...sentences(open, installed)].join(' '),
    mend: verdict === 'ok' ? '' : mendOf(open, installed, version),
    escapes: escapes.map(({ cve }) => cve.id),
  };
}

function openCves(host: Host, installed: Installed, version: Version): Open[] {
  return CVES.filter(({ component }) => component === installed.component).flatMap((cve) => {
    const state = stateOf(cve, version);
    const isFixed = state === 'fixed' || (state === 'vendors' && installed.package?.cves.includes(cve.id));
    return isFixed ? [] : [{ cve, state, isReachable: cve.door === undefined || !DOORS[cve.door].isShut(host) }];
  });
}

function verdictOf({ cve, state, isReachable }: Open): Verdict {
  if (state !== 'affected') return isReachable ? 'unknown' : 'ok';
  return cve.isEscape && isReachable ? 'fail' : 'warn';
}

/** One sentence for all that have the same to be said of them. */
function sentences(open: readonly Open[], { package: packaged }: Installed): string[] {
  if (open.length === 0) return ['No way out of a sandbox is known in this version.'];
  const said = new Map<string, string[]>();
  for (const one of open) {
    const what = whatToSay(one, packaged);
    said.set(what, [...(said.get(what) ?? []), one.cve.id]);
  }
  return [...said].map(([what, ids]) => `${ids.join(', ')}: ${what}.`);
}

function whatToSay({ cve, state, isReachable }: Open, packaged: PackageFacts | undefined): string {
  const fixed = `fixed by its makers in ${cve.fixedIn.join(', ')}`;
  if (!isReachable && cve.door) return `${fixed}, and out of reach here, for ${DOORS[cve.door].shutBy}`;
  if (state === 'affected') return `a program in a sandbox ${cve.does}; ${fixed}`;
  if (state === 'unknown') return `${fixed}; not known of this version`;
  const changelog = packaged
    ? `the changelog of its package ${packaged.version} does not name this`
    : 'its number does not tell';
  return `${fixed}; this version is vendor-patched, and ${changelog}`;
}

function mendOf(open: readonly Open[], { component, package: packaged }: Installed, version: Version): string {
  const nearest = open.map(({ cve }) => nearestFix(cve, version));
  const wanted = nearest.reduce((a, b) => (isOlder(a, b) ? b : a), '');
  const tracker = packaged ? " Or see your distribution's security tracker for what its package has fixed." : '';
  return `Upgrade ${NAMES[component]}: ${wanted} is the nearest release with the fixes.${tracker}`;
}

/** The oldest release with the fix that is newer than what is there. */
function nearestFix({ fixedIn }: Cve, version: Version): string {
  const isNewer = (text: string): boolean => {
    const fix = parseVersion(text);
    return fix !== undefined && compareVersions(fix, version) > 0;
  };
  return fixedIn.find(isNewer) ?? fixedIn.at(-1) ?? '';
}

function isOlder(text: string, than: string): boolean {
  const [a, b] = [parseVersion(text), parseVersion(than)];
  return !a || (b !== undefined && compareVersions(a, b) < 0);
}

const NAMES: Readonly<Record<CveComponent, string>> = {
  Engine: 'the Docker engine',
  'Docker Desktop': 'Docker Desktop',
  containerd: 'containerd',
  runc: 'runc',
  kernel: 'the kernel',
};
