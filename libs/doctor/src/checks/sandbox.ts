import type { Check } from '../check.js';
import { fail, ok, unknown, warn } from '../finding.js';
import { type Host, probesOf, type ProbeFacts } from '../host.js';

const NO_CAPABILITY = /^0+$/;
/** The agent keeps three for itself; a program gets none that it could use. */
const CAPABILITIES = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'];
const WHOLE_RANGE = 4_294_967_295;

const probing =
  (judge: (probes: ProbeFacts, host: Host) => ReturnType<Check['judge']>): Check['judge'] =>
  (host) => {
    const probes = probesOf(host);
    return probes ? judge(probes, host) : unknown('No sandbox could be made to look.', 'See the check "sandbox".');
  };

/** Whether one can be made at all: the checks after it need it. */
export const sandbox: Check = {
  id: 'sandbox',
  title: 'a sandbox',
  needs: ['probes'],
  judge({ probes }) {
    if (typeof probes === 'string')
      return fail(probes, 'npm run setup makes the images. With an OCI_RUNTIME of your own: try without it.');
    return ok('One was made, used and removed.');
  },
};

export const privileges: Check = {
  id: 'privileges',
  title: 'privileges',
  needs: ['probes'],
  judge: probing(({ sandbox: { uid, status } }) => {
    const held = CAPABILITIES.filter((name) => !NO_CAPABILITY.test(status[name] ?? ''));
    const faults = [
      ...(uid === 0 ? ['programs run as root'] : []),
      ...(held.length > 0 ? [`programs hold capabilities (${held.join(', ')})`] : []),
      ...(status['NoNewPrivs'] === '1' ? [] : ['programs may gain privileges (no_new_privs is not set)']),
    ];
    if (faults.length > 0)
      return fail(
        `In a sandbox ${faults.join(', ')}.`,
        'Use another OCI runtime: this one does not do what it is told.',
      );
    return ok(`Programs run as user ${uid}, without capabilities, with no_new_privs.`);
  }),
};

export const userNamespace: Check = {
  id: 'user-namespace',
  title: 'user namespace',
  needs: ['probes'],
  judge: probing(({ sandbox: { uidMap } }) => {
    const [, outside = 0, count = 0] = uidMap.trim().split(/\s+/).map(Number);
    if (outside !== 0 || count < WHOLE_RANGE) return ok('Users of a sandbox are nobody on the host.');
    return warn(
      'The users of a sandbox are those of the host: a program that got out would be user 10001 there, and the agent root.',
      'Put "userns-remap": "default" into the engine\'s daemon.json, restart it and run npm run setup: the engine then keeps images apart, and /workspace is a tmpfs.',
    );
  }),
};

export const network: Check = {
  id: 'network',
  title: 'network',
  needs: ['probes'],
  judge: probing(({ sandbox: { interfaces, reached, tried } }) => {
    const mend = 'See that no plug-in of the engine gives containers without a network one.';
    if (reached.length > 0) return fail(`A program in a sandbox reached ${reached.join(', ')}.`, mend);
    const more = interfaces.filter((name) => name !== 'lo');
    if (more.length > 0) return warn(`A sandbox has the network interfaces ${more.join(', ')}.`, mend);
    return ok(`None: ${tried} addresses and sockets of the engine, the server, the host and clouds were out of reach.`);
  }),
};
