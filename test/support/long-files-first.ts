import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What would hold up the end of a run if it were begun late, the longest first. */
const LONG = [
  'engine',
  'restart',
  'languages',
  'orphans',
  'hostile-programs',
  'pool',
  'sessions',
  'executions',
  'doctor',
  'host-disk',
  'images',
  'admission',
  'engine-restart',
  'conversation',
  'survives',
].map((name) => `${name}.e2e.spec.ts`);

/** Workers take the files in this order. */
export class LongFilesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = LONG.indexOf(basename(moduleId));
      return place === -1 ? LONG.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
