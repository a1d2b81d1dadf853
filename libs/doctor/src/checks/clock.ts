import type { Check } from '../check.js';
import { ok, unknown, warn } from '../finding.js';
import { type Host, probesOf } from '../host.js';

const TOLERANCE_MS = 5_000;

/** Whether times in answers mean the same to the server, the engine and the programs. */
export const clock: Check = {
  id: 'clock',
  title: 'clock',
  needs: [],
  judge(host: Host) {
    const engine = host.engine.clockOffsetMs;
    const sandbox = probesOf(host)?.sandbox.clockOffsetMs;
    if (engine === undefined)
      return unknown('The engine does not tell its time.', 'Synchronise the clocks of both machines (NTP).');
    const off = Math.max(Math.abs(engine), Math.abs(sandbox ?? 0));
    if (off <= TOLERANCE_MS)
      return ok(`The engine's and this machine's agree to ${Math.max(1, Math.ceil(off / 1000))} s.`);
    return warn(
      `The engine's clock is ${(engine / 1000).toFixed(0)} s off this machine's, a sandbox's ${((sandbox ?? engine) / 1000).toFixed(0)} s.`,
      'Synchronise the clocks of both machines (NTP).',
    );
  },
};
