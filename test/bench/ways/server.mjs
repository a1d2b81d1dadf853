import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

import { docker, freePort } from '../../soak/host.mjs';
import { BenchClient } from './client.mjs';
import { removeLabelled } from './engine.mjs';

/** Of `/proc/<pid>/stat`, everywhere that Linux runs on (sysconf(3), _SC_CLK_TCK). */
const MS_PER_TICK = 10;
const KIB_PER_MIB = 1024;
const READY_LIMIT_MS = 60_000;
const SETTLE_EVERY_MS = 500;
const SETTLED_MIB = 0.5;
const MAX_SETTLE_MS = 15_000;

/** A server of the bench, as it is built, with a connection to it. */
export class BenchServer {
  client;

  /** @param own told of the server as soon as there is something to end */
  static async start(directory, env, own) {
    const port = await freePort();
    const serverId = `cbbench-${randomBytes(4).toString('hex')}`;
    const child = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
      env: {
        ...process.env,
        PORT: String(port),
        SERVER_ID: serverId,
        STATE_DIRECTORY: join(directory, serverId),
        LOG_LEVEL: 'error',
        ...env,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const server = new BenchServer(port, serverId, child);
    own(server);
    server.client = await BenchClient.connect(`ws://127.0.0.1:${port}/ws/jsonrpc`);
    return server;
  }

  constructor(port, serverId, child) {
    this.port = port;
    this.serverId = serverId;
    this.child = child;
  }

  call(method, params) {
    return this.client.call(method, params);
  }

  create(params) {
    return this.call('session.create', params);
  }

  close({ sessionId }) {
    return this.call('session.close', { sessionId });
  }

  /** Runs a command and answers with its result. */
  async execute({ sessionId }, command) {
    const { success, result, error } = await this.call('session.execute', { sessionId, command });
    if (!success) throw new Error(`${command.type} failed: ${error}`);
    return result;
  }

  /** Runs a program that must exit with 0, and answers with its result. */
  async shell(session, commandName, args = []) {
    const result = await this.execute(session, { type: 'execute_shell', commandName, args });
    if (result.exitCode !== 0) throw new Error(`${commandName} exited with ${result.exitCode}: ${result.stderr}`);
    return result;
  }

  /** Waits until the pool is as full as it will be. */
  async poolIsFull(idle = 2) {
    for (const until = Date.now() + READY_LIMIT_MS; Date.now() < until; await delay(20)) {
      const { details } = await (await fetch(`http://127.0.0.1:${this.port}/health`)).json();
      if (details.pool.idle >= idle && details.pool.filling === 0) return;
    }
    throw new Error('the pool did not fill');
  }

  containers() {
    return docker.listContainers({ all: true, filters: { label: [`codebeaker=${this.serverId}`] } });
  }

  /** Time on a processor that the server has had, in ms. */
  async cpuMs() {
    const stat = await readFile(`/proc/${this.child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
  }

  residentMiB() {
    return this.#statusMiB('VmRSS');
  }

  /** Without what files on disk back, which the kernel could give to others. */
  anonymousMiB() {
    return this.#statusMiB('RssAnon');
  }

  /** Resident memory once it no longer changes: what a burst needed is given back some seconds later. */
  async settledMiB() {
    let before = await this.residentMiB();
    for (const until = Date.now() + MAX_SETTLE_MS; Date.now() < until;) {
      await delay(SETTLE_EVERY_MS);
      const now = await this.residentMiB();
      if (Math.abs(now - before) < SETTLED_MIB) return now;
      before = now;
    }
    return before;
  }

  async #statusMiB(field) {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]) / KIB_PER_MIB;
  }

  async end() {
    this.client?.close();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGTERM');
      await once(this.child, 'exit');
    }
    // Sessions outlive their server, and these belong to nobody now.
    await removeLabelled(`codebeaker=${this.serverId}`);
  }
}
