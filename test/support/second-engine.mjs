import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import Docker from 'dockerode';

const run = promisify(execFile);
const START_MS = 100_000;
const STOP_MS = 60_000;

const runcSaying = (version) => `#!/bin/sh
if [ "$1" = --version ]; then printf 'runc version ${version}\\ncommit: v${version}-0-g0000000\\n'; exit; fi
PATH=$PATH_OF_RUNC exec runc "$@"
`;

/**
 * A real engine that tests may stop and start. It has a network namespace of its own: one without a bridge would else
 * delete the other engine's. And it is entered by `nsenter`, for `ip netns exec` mounts another /sys, without cgroups.
 */
export class SecondEngine {
  /** Begins so in all engines of one run of the tests, which can tell them from those of another by it. */
  #name = `cbe2e-${process.env.CODEBEAKER_TEST_RUN ?? 'alone'}-${randomBytes(3).toString('hex')}`;
  #directory = join(tmpdir(), `codebeaker-engine-${this.#name}`);
  #socket = join(this.#directory, 'docker.sock');
  #options;
  #daemon;
  docker = new Docker({ socketPath: this.#socket });

  constructor(options = {}) {
    this.#options = options;
  }

  get dockerHost() {
    return `unix://${this.#socket}`;
  }

  /** Makes it, starts it, and gives it these images of the first engine. */
  async make(images) {
    await mkdir(this.#directory);
    await run('ip', ['netns', 'add', this.#name]);
    await run('ip', ['-n', this.#name, 'link', 'set', 'lo', 'up']);
    await this.start();
    for (const image of images) {
      const loading = await this.docker.loadImage(await new Docker().getImage(image).get());
      loading.resume();
      await once(loading, 'end');
    }
  }

  async start() {
    const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;
    if (this.#options.runcVersion !== undefined) {
      await mkdir(this.#own('bin'), { recursive: true });
      await writeFile(this.#own('bin/runc'), runcSaying(this.#options.runcVersion), { mode: 0o755 });
    }
    const log = openSync(this.#own('log'), 'a');
    const dataRoot = this.#options.dataRoot ?? this.#own('data');
    const roots = ['--data-root', dataRoot, '--exec-root', this.#own('exec'), '--pidfile', this.#own('pid')];
    const daemon = spawn(
      'nsenter',
      [
        `--net=/run/netns/${this.#name}`,
        'dockerd',
        '-H',
        this.dockerHost,
        ...roots,
        '--bridge=none',
        '--iptables=false',
        ...(this.#options.liveRestore ? ['--live-restore'] : []),
      ],
      {
        env: { ...process.env, PATH: `${this.#own('bin')}:${path}`, PATH_OF_RUNC: path },
        stdio: ['ignore', log, log],
        detached: true,
      },
    );
    closeSync(log);
    this.#daemon = daemon;
    const until = Date.now() + START_MS;
    while (!isOver(daemon) && !(await this.docker.ping().then(Boolean, () => false))) {
      if (Date.now() > until) throw new Error('the second engine does not answer');
      await delay(50);
    }
    if (isOver(daemon)) {
      const lines = (await readFile(this.#own('log'), 'utf8')).trim().split('\n');
      throw new Error(`dockerd ended: ${lines.slice(-5).join('\n')}`);
    }
  }

  /** As an operator does; its containers are ended by it. */
  async stop() {
    const daemon = this.#daemon;
    if (!daemon || isOver(daemon)) return;
    const exit = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    const late = setTimeout(() => daemon.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(late);
  }

  /** As a crash does: its containers go on, and whoever is connected hears of it. */
  async kill() {
    const daemon = this.#daemon;
    if (!daemon || isOver(daemon)) return;
    const exit = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await exit;
  }

  /** It hangs: connections stay open, and nothing is answered. */
  freeze() {
    this.#daemon?.kill('SIGSTOP');
  }

  thaw() {
    this.#daemon?.kill('SIGCONT');
  }

  /** Ends it and takes away all that it was. */
  async remove() {
    try {
      this.thaw();
      await this.#removeContainers();
      await this.stop();
    } finally {
      const mounts = (await readFile('/proc/mounts', 'utf8'))
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '')
        .filter((path) => path.startsWith(`${this.#directory}/`));
      for (const path of mounts.toReversed()) await run('umount', ['--lazy', path]).catch(() => undefined);
      await rm(this.#directory, { recursive: true, force: true });
      await run('ip', ['netns', 'delete', this.#name]).catch(() => undefined);
    }
  }

  /** With live-restore they would go on without it. */
  async #removeContainers() {
    if (!this.#options.liveRestore) return;
    if (this.#daemon && isOver(this.#daemon)) await this.start();
    const containers = await this.docker.listContainers({ all: true });
    await Promise.all(containers.map(({ Id }) => this.docker.getContainer(Id).remove({ force: true, v: true })));
  }

  #own(name) {
    return join(this.#directory, name);
  }
}

function isOver(daemon) {
  return daemon.exitCode !== null || daemon.signalCode !== null;
}
