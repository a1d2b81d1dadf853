import type { Check } from '../check.js';
import { fail, ok } from '../finding.js';

const OTHERS = 0o007;

/** Whoever can use the engine is root on its host: who can? */
export const engineAccess: Check = {
  id: 'engine-access',
  title: 'access to the engine',
  needs: [],
  judge({ engine, machine }) {
    if (engine.reachedBy === 'tcp') {
      return fail(
        'The engine is reached by TCP without TLS: whoever can connect to it is root on its host.',
        'Use its socket (DOCKER_HOST=unix://…), or TLS with client certificates (https://…).',
      );
    }
    const open = machine?.openEngines ?? [];
    if (open.length > 0) {
      return fail(
        `An engine answers to everybody at ${open.join(', ')}.`,
        'Take tcp:// out of the "hosts" of the engine\'s daemon.json, or give it TLS with client certificates.',
      );
    }
    const mode = machine?.socketMode;
    if (mode !== undefined && (mode & OTHERS) !== 0) {
      return fail(
        `The engine's socket is open to every user of this machine (mode ${mode.toString(8)}).`,
        `chmod 660 ${engine.socket ?? ''}`,
      );
    }
    if (engine.reachedBy === 'tls') return ok('By TLS.');
    return ok(machine ? 'By a socket that is closed to other users, and by no open port.' : 'By a socket.');
  },
};
