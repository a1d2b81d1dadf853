import type { Door } from './cve.js';
import { hasOwnKernel, type Host, probesOf } from '../host.js';

/** Errors by which a filter refuses; any other one comes from the kernel's own code, which was reached then. */
const REFUSED = new Set(['EPERM', 'ENOSYS']);

interface DoorRule {
  /** What shuts it. */
  readonly shutBy: string;
  isShut(host: Host): boolean;
}

const bySeccomp = (door: string, what: string): DoorRule => ({
  shutBy: `docker/seccomp.json denies ${what}`,
  isShut: (host) => hasOwnKernel(host) || (filters(host) && isRefused(host, door)),
});

/** Each way to a weakness, and what keeps sandboxes from it: container-config.ts and docker/seccomp.json. */
export const DOORS: Readonly<Record<Door, DoorRule>> = {
  AF_ALG: bySeccomp('AF_ALG', 'crypto sockets'),
  AF_RXRPC: bySeccomp('AF_RXRPC', 'RxRPC sockets'),
  'user namespaces': bySeccomp('user namespace', 'new namespaces'),
  network: {
    shutBy: 'a sandbox has no network',
    isShut: (host) => (probesOf(host)?.sandbox.reached ?? []).length === 0,
  },
  'host network': {
    shutBy: "a sandbox never has the host's network",
    isShut: (host) => (probesOf(host)?.sandbox.reached ?? []).length === 0,
  },
  'archive API': {
    shutBy: "CodeBeaker never copies files by the engine into or out of a tenant's container",
    isShut: () => true,
  },
};

/** Whether the engine applies seccomp profiles at all. */
export function filters({ engine }: Host): boolean {
  return engine.securityOptions.some((option) => option.startsWith('name=seccomp'));
}

/** Doors that a program in a real sandbox did not find shut. */
export function openDoors(host: Host): string[] {
  const doors = Object.entries(probesOf(host)?.sandbox.doors ?? {});
  return doors.filter(([, outcome]) => !REFUSED.has(outcome)).map(([door, outcome]) => `${door} (${outcome})`);
}

/** Without a sandbox that has tried, the profile's word counts. */
function isRefused(host: Host, door: string): boolean {
  const outcome = probesOf(host)?.sandbox.doors[door];
  return outcome === undefined || REFUSED.has(outcome);
}
