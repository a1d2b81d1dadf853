import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { docker, freePort } from './host.mjs';

const START_LIMIT_MS = 60_000;

/** One server that lives several times, with the same name, port and containers. */
export class SoakServer {
  lives = 0;
  #child;

  constructor(serverId, port, stateDirectory, env) {
    this.serverId = serverId;
    this.port = port;
    this.stateDirectory = stateDirectory;
    this.env = env;
  }

  /** @param env more settings, such as `{ MAX_SESSIONS: '2' }` */
  static async create(serverId, stateDirectory, env = {}) {
    return new SoakServer(serverId, await freePort(), stateDirectory, env);
  }

  get url() {
    return `ws://127.0.0.1:${this.port}/ws/jsonrpc`;
  }

  get pid() {
    return this.#child?.pid;
  }

  async start() {
    this.#child = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
      env: {
        ...process.env,
        PORT: String(this.port),
        SERVER_ID: this.serverId,
        STATE_DIRECTORY: this.stateDirectory,
        CLEAN_UP_CRON: '*/2 * * * * *',
        LOG_LEVEL: 'error',
        // What is made ahead would be counted with what is left.
        POOL_SIZE: '0',
        ...this.env,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    this.lives++;
    const until = Date.now() + START_LIMIT_MS;
    for (;;) {
      const reply = await fetch(`http://127.0.0.1:${this.port}/health/live`).catch(() => undefined);
      if (reply?.ok) return;
      if (Date.now() > until || this.#child.exitCode !== null) throw new Error('the server did not start');
      await delay(50);
    }
  }

  async end(signal) {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  /** What the server itself should have removed: for the end of a run that may have failed. */
  async removeAll() {
    const filters = { label: [`codebeaker=${this.serverId}`] };
    for (const { Id } of await docker.listContainers({ all: true, filters })) {
      await docker.getContainer(Id).remove({ force: true, v: true });
    }
  }
}
