const TAG = /\s*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")\s*(?:,|$)/gy;

/** A file's version as an entity tag: a strong one, since no two contents of a file share a version. */
export function entityTag(version: string): string {
  return `"${version}"`;
}

/**
 * The versions that an If-Match names, or '*'. Weak tags are passed over: they say nothing of the bytes. A header that
 * is not understood names none.
 */
export function strongVersions(header: string): string[] | '*' {
  if (header.trim() === '*') return '*';
  return tagsOf(header).flatMap((tag) => (tag.startsWith('"') ? [tag.slice(1, -1)] : []));
}

/** Whether an If-None-Match names what is there, be it by a weak tag. A cache may make weak ones of ours. */
export function namesVersion(header: string | undefined, version: string | undefined): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return version !== undefined && tagsOf(header).some((tag) => tag.replace('W/', '') === entityTag(version));
}

function tagsOf(header: string): string[] {
  return [...header.matchAll(TAG)].map(([, tag = '']) => tag);
}
