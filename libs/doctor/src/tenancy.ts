import type { Report } from './doctor.js';

export interface Tenancy {
  /** Whether people who must not see each other's sessions use the server. */
  readonly multiTenant: boolean;
  /** Whether whoever runs the server has said that he knows. */
  readonly allowKnownEscapes: boolean;
}

/** Why a server must not be started on a host for these tenants; undefined where it may. */
export function refusalOf({ escapes, findings }: Report, tenancy: Tenancy): string | undefined {
  if (!tenancy.multiTenant || tenancy.allowKnownEscapes || escapes.length === 0) return undefined;
  const reasons = findings.filter((finding) => finding.escapes.length > 0);
  return [
    `This host has a known way out of a sandbox (${escapes.join(', ')}), and the server is to serve several tenants.`,
    ...reasons.map(({ title, found, mend }) => `  ${title}: ${found}\n    ${mend}`),
    '  If all who can reach this server trust each other: MULTI_TENANT=false. To serve several tenants all the same: ALLOW_KNOWN_ESCAPES=true.',
  ].join('\n');
}

/** The short of a report: a line for each finding that is not well, and one for all. */
export function shortOf({ totals, findings }: Report): { lines: string[]; summary: string } {
  const unwell = findings.filter(({ verdict }) => verdict !== 'ok');
  const counts = (['ok', 'warn', 'fail', 'unknown'] as const).map((verdict) => `${totals[verdict]} ${verdict}`);
  return {
    lines: unwell.map(({ verdict, title, found, mend }) => `${verdict}: ${title}: ${found} ${mend}`.trim()),
    summary: `the host: ${counts.join(', ')}; npm run doctor makes every check`,
  };
}
