import { describe, expect, it } from 'vitest';

import { readChangelog } from './packages.js';

const CHANGELOG = `runc (1.1.5+ds1-1+deb12u1) bookworm-security; urgency=high

  * CVE-2024-21626: several container breakouts

runc (1.1.5+ds1-1) unstable; urgency=medium

  * New upstream version (CVE-2023-25809, CVE-2023-28642; CVE-2024-21626 is open)
`;

describe("a package's changelog", () => {
  it('tells its version and the CVEs that it names', () => {
    expect(readChangelog(CHANGELOG)).toEqual({
      version: '1.1.5+ds1-1+deb12u1',
      cves: ['CVE-2024-21626', 'CVE-2023-25809', 'CVE-2023-28642'],
    });
  });

  it('is none where it has no head', () => {
    expect(readChangelog('Changes\n - CVE-2024-21626')).toBeUndefined();
  });
});
