import type { Check } from '../check.js';
import { judgeComponent } from '../cves/judge.js';
import { fail, type Judgement, unknown, worst } from '../finding.js';
import { type Host, hasOwnKernel, kernelOf, runtimeOf } from '../host.js';

const DESKTOP = /^Docker Desktop (\d[\w.]*)/;
/** Debian tells its kernel's real version only here: `uname -r` has the number of an interface. */
const DEBIAN_KERNEL = /Debian (\d+\.\d+\.\d+)/;

/** The engine, and Docker Desktop around it. */
export const engine: Check = {
  id: 'engine',
  title: 'engine',
  needs: [],
  judge(host) {
    const own = judgeNamed(host, 'Engine');
    const desktop = DESKTOP.exec(host.engine.product)?.[1];
    if (desktop === undefined) return own;
    return both(own, judgeComponent(host, { component: 'Docker Desktop', version: desktop }));
  },
};

export const containerd: Check = {
  id: 'containerd',
  title: 'containerd',
  needs: [],
  judge: (host) => judgeNamed(host, 'containerd'),
};

/** What starts sandboxes, as root. */
export const runtime: Check = {
  id: 'runtime',
  title: 'OCI runtime',
  needs: [],
  judge(host) {
    const name = runtimeOf(host);
    if (isGvisor(name)) {
      return fail(
        `Sandboxes are started by ${name}: gVisor has no setfsuid, by which the agent takes the rights of programs' user.`,
        'Use runc, crun or kata.',
      );
    }
    if (/runc/.test(name)) return judgeNamed(host, 'runc');
    return unknown(
      `Sandboxes are started by ${name || 'a runtime without a name'}.`,
      `Keep ${name || 'it'} up to date: its CVEs are not in the table.`,
    );
  },
};

export const kernel: Check = {
  id: 'kernel',
  title: 'kernel',
  needs: [],
  judge(host) {
    if (hasOwnKernel(host)) {
      return {
        verdict: 'ok',
        found: `Sandboxes run on the kernel of ${runtimeOf(host)}, not on the host's.`,
        mend: '',
      };
    }
    const build = kernelOf(host)?.build ?? '';
    const debian = DEBIAN_KERNEL.exec(build)?.[1];
    return judgeComponent(host, { component: 'kernel', version: debian ? `${debian}-debian` : host.engine.kernel });
  },
};

function isGvisor(name: string): boolean {
  return /^(runsc|gvisor)/.test(name);
}

function judgeNamed(host: Host, component: 'Engine' | 'containerd' | 'runc'): Judgement {
  const named = host.engine.components.find(({ name }) => name === component);
  const packaged = host.machine?.packages[component];
  return judgeComponent(host, {
    component,
    version: named?.version ?? '',
    ...(named ? { build: named.build } : {}),
    ...(packaged ? { package: packaged } : {}),
  });
}

function both(a: Judgement, b: Judgement): Judgement {
  return {
    verdict: worst([a.verdict, b.verdict]),
    found: `${a.found} ${b.found}`,
    mend: [a.mend, b.mend].filter((text) => text !== '').join(' '),
    escapes: [...(a.escapes ?? []), ...(b.escapes ?? [])],
  };
}
