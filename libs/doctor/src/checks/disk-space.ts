import type { Check } from '../check.js';
import { fail, ok, warn } from '../finding.js';
import type { DiskFacts } from '../host.js';

const GIB = 1_073_741_824;
const LOW_BYTES = 10 * GIB;
const TOO_LOW_BYTES = GIB;
const LOW_INODES = 0.05;

/** Room for images, containers and workspaces. */
export const diskSpace: Check = {
  id: 'disk-space',
  title: 'disk space',
  needs: ['machine'],
  judge({ machine }) {
    const disks = machine?.disks ?? [];
    const mend = 'Free space there: docker image prune, docker volume prune, or a larger disk.';
    const found = disks.map(sentence).join(' ');
    if (disks.some(({ freeBytes }) => freeBytes < TOO_LOW_BYTES)) return fail(found, mend);
    const isLow = (disk: DiskFacts): boolean => disk.freeBytes < LOW_BYTES || hasFewInodes(disk);
    return disks.some(isLow) ? warn(found, mend) : ok(found);
  },
};

function hasFewInodes({ freeInodes, totalInodes }: DiskFacts): boolean {
  return totalInodes > 0 && freeInodes / totalInodes < LOW_INODES;
}

function sentence({ path, freeBytes, totalBytes, freeInodes, totalInodes }: DiskFacts): string {
  const inodes = totalInodes > 0 ? `, ${Math.floor((100 * freeInodes) / totalInodes)} % of the inodes` : '';
  return `${path}: ${(freeBytes / GIB).toFixed(1)} of ${(totalBytes / GIB).toFixed(1)} GiB free${inodes}.`;
}
