/** A version that can be compared. */
export interface Version {
  readonly numbers: readonly number[];
  /** Of a release candidate `rc.3`: 3. */
  readonly candidate?: number;
  /** True when somebody else than its makers has built it, and may have patched it. */
  readonly isVendors: boolean;
}

const VERSION = /^v?(\d+(?:\.\d+)*)(?:-?(?:rc|beta|alpha)[.-]?(\d+))?(.*)$/;
/** Parts of the version of a distribution's package. */
const PACKAGED = /[+~]|ubuntu|deb\d|\.el\d|\.fc\d|amzn|azl|suse/i;

/**
 * @param build what the program says that it was built from: sometimes the package's own version
 * @returns undefined where the text names no version
 */
export function parseVersion(text: string, build = ''): Version | undefined {
  const [, numbers = '', candidate, rest = ''] = VERSION.exec(text.trim()) ?? [];
  if (numbers === '') return undefined;
  return {
    numbers: numbers.split('.').map(Number),
    ...(candidate === undefined ? {} : { candidate: Number(candidate) }),
    isVendors: rest !== '' || PACKAGED.test(build),
  };
}

/** Below 0 when `a` is older than `b`; a release candidate is older than its release. */
export function compareVersions(a: Version, b: Version): number {
  for (let at = 0; at < Math.max(a.numbers.length, b.numbers.length); at++) {
    const difference = (a.numbers[at] ?? 0) - (b.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return (a.candidate ?? Number.POSITIVE_INFINITY) - (b.candidate ?? Number.POSITIVE_INFINITY) || 0;
}

/** Whether two versions are of one branch: the same first two numbers. */
export function isSameBranch(a: Version, b: Version): boolean {
  return a.numbers[0] === b.numbers[0] && (a.numbers[1] ?? 0) === (b.numbers[1] ?? 0);
}
