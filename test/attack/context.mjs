import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { SoakClient } from '../soak/client.mjs';
import { belongings } from '../soak/host.mjs';
import { SoakServer } from '../soak/server.mjs';
import { processesIn } from './host.mjs';
import { AttackSession, howItEnded } from './session.mjs';

/** The attack did what must not happen. */
export class Fell extends Error {}

/** What the case is about does not exist here. */
export class NotApplicable extends Error {}

/** All that a case may use. The frame makes one for each case and ends what the case has left. */
export class AttackContext {
  /** What `held` was told. */
  evidence = [];
  /** Session A: fresh, and the frame closes it. Absent where the case says `session: null`. */
  session;
  /** A's own connection. */
  client;
  #sessions = [];
  #clients = [];
  #servers = [];
  #deferred = [];
  #bystander;

  #timed;
  #attack;
  #preparing;

  constructor(attack, { server, bystander, timed }) {
    /** The server under attack: `url`, `port`, and, where it is ours, `pid` and `serverId`. */
    this.server = server;
    this.#bystander = bystander;
    this.#attack = attack;
    this.#timed = timed;
  }

  /** Makes A. May be called before it is needed, and again when it is. */
  prepare() {
    this.#preparing ??= this.#makeSession();
    return this.#preparing;
  }

  async #makeSession() {
    this.client = await this.connect();
    const { session = {} } = this.#attack;
    if (session) this.session = await this.newSession(session);
  }

  /** Another connection (SoakClient) to the server, or to one of the case's own. */
  async connect(server = this.server) {
    const client = await SoakClient.connect(server.url);
    this.#clients.push(client);
    return client;
  }

  /** Another session: any parameters of session.create. The bystander is not timed meanwhile. */
  newSession(options = {}, client = this.client) {
    return this.#bystander.aside(async () => {
      const created = await client.call('session.create', { language: 'python', ...options });
      const session = new AttackSession(client, created);
      session.isOnThisHost = (await processesIn(session.containerId)).length > 0;
      this.#sessions.push(session);
      return session;
    });
  }

  /**
   * A server of the case's own, to be killed and started again: a SoakServer that has started. Its sessions are closed
   * at the end; anything else that it leaves is a fault.
   */
  ownServer(env = {}) {
    return this.#bystander.aside(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'codebeaker-attack-'));
      const server = await SoakServer.create(`cbattack-${randomBytes(4).toString('hex')}`, directory, env);
      this.#servers.push(server);
      await server.start();
      return server;
    });
  }

  /** A directory of the case's own on this host, gone at the end. */
  async temporaryDirectory() {
    const directory = await mkdtemp(join(tmpdir(), 'codebeaker-attack-'));
    this.defer(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  /** Has `work` done at the end, whatever happens, after what was made later has gone. */
  defer(work) {
    this.#deferred.push(work);
  }

  /** Work that is no part of the attack: the bystander is not timed meanwhile. */
  aside(work) {
    return this.#bystander.aside(work);
  }

  /** Writes a file that lies beside the case into a session, and answers its name there. */
  async program(name, session = this.session) {
    const content = await readFile(join(this.#attack.folder, name), 'utf8');
    const path = basename(name);
    const written = await session.write(path, content);
    this.expect(written.success, `${path} could not be written: ${written.error}`);
    return path;
  }

  /** Writes a Python program that lies beside the case into A, runs it and answers the whole reply. */
  async attack(name, args = [], more = {}) {
    await this.program(name);
    return this.session.run('python3', [name, ...args], more);
  }

  /**
   * Runs a program that uses attempts.py, and answers what came of each thing that it tried, by name: the name of an
   * errno, or a text that begins with `allowed`.
   */
  async attempts(name, args = [], session = this.session) {
    await this.program('../attempts.py', session);
    await this.program(name, session);
    return JSON.parse(this.expectDone(await session.run('python3', [name, ...args]), name));
  }

  /** None of the attempts may have succeeded, but those that are named. */
  expectDenied(outcomes, but = []) {
    const allowed = Object.entries(outcomes).filter(
      ([name, what]) => what.startsWith('allowed') && !but.includes(name),
    );
    this.expect(allowed.length === 0, `allowed: ${allowed.map((pair) => pair.join(' – ')).join('; ')}`);
  }

  /** What of a session runs on this host, by the host's numbers; undefined where that cannot be seen. */
  async processesOf(session = this.session) {
    return session.isOnThisHost ? processesIn(session.containerId) : undefined;
  }

  /** Keeps a short attack up, for the bystander to feel it, where its times are judged. */
  async keepUp(attack, forMs = 600) {
    const until = performance.now() + (this.#timed ? forMs : 0);
    do await attack();
    while (performance.now() < until);
  }

  /** Cancels a request, and expects that it is answered as cancelled. */
  async cancel({ id, result }) {
    const answer = result.then(howItEnded, (error) => error.reason);
    this.client.notify('$/cancelRequest', { id });
    const reason = await answer;
    this.expect(reason === 'request_cancelled', `a cancelled request must say so, and answered: ${reason}`);
  }

  held(evidence) {
    this.evidence.push(evidence);
  }

  fell(what) {
    throw new Fell(what);
  }

  notApplicable(reason) {
    throw new NotApplicable(reason);
  }

  expect(condition, what) {
    if (!condition) this.fell(what);
  }

  /** A run must have ended so. Answers its result. */
  expectEnd(reply, endReason, what = 'the attack') {
    this.expect(reply.result?.endReason === endReason, `${what} must end as ${endReason}, and ended: ${brief(reply)}`);
    this.expect(reply.success === (endReason === 'exited'), `${what} was called a success: ${brief(reply)}`);
    return reply.result;
  }

  /**
   * Runs a Python program that stays, until its time is over; answers its result. Where the machine was too slow for it
   * to write `ready` within that time, it is run again with more.
   */
  async expectTimedOut(args, ready, timeoutMs) {
    for (let ms = timeoutMs; ; ms *= 3) {
      const result = this.expectEnd(await this.session.run('python3', args, { timeoutMs: ms }), 'timed_out');
      if (result.stdout.search(ready) !== -1) return result;
      this.expect(ms < 20_000, `it wrote no ${ready} within ${ms} ms`);
    }
  }

  /** A program must have ended by itself with 0. Answers what it wrote. */
  expectDone(reply, what = 'a program') {
    this.expectEnd(reply, 'exited', what);
    this.expect(reply.result.exitCode === 0, `${what} exited with ${reply.result.exitCode}: ${reply.result.stderr}`);
    return reply.result.stdout;
  }

  /** The session must still do what it is asked. */
  async expectAlive(session = this.session) {
    const out = this.expectDone(await session.sh('echo still here'), 'the next command in the attacked session');
    this.expect(out === 'still here\n', `the next command in the attacked session wrote ${JSON.stringify(out)}`);
  }

  /** No process may be in the session but the agent and the one that looks. */
  async expectNoProcess(session = this.session) {
    const script = 'for p in /proc/[0-9]*; do echo ${p#/proc/} $(cat $p/comm 2>/dev/null); done';
    const lines = this.expectDone(await session.sh(script), 'a look at /proc')
      .trim()
      .split('\n');
    const others = lines.filter((line) => !/^1 |^\d+ sh$|^\d+$/.test(line));
    this.expect(others.length === 0, `processes are left in the session: ${others.join(', ')}`);
  }

  /** Ends everything, and answers the sessions that there were. */
  async end() {
    await this.#preparing?.catch(() => undefined);
    const open = this.#sessions.filter(({ closed }) => !closed);
    const client = open.length > 0 ? await SoakClient.connect(this.server.url) : undefined;
    const complaints = [];
    await Promise.all(
      open.map(({ sessionId }) =>
        client.call('session.close', { sessionId }).catch((error) => {
          if (error.reason !== 'session_not_found' && error.reason !== 'session_ended') complaints.push(error.message);
        }),
      ),
    );
    client?.close();
    for (const one of this.#clients) one.close();
    const rest = [...this.#deferred, ...this.#servers.map((server) => () => endServer(server, complaints))];
    for (const work of rest.toReversed()) await work().catch((error) => complaints.push(error.message));
    return { sessions: this.#sessions, complaints };
  }
}

/** Ends a case's own server; what it left is a complaint. */
async function endServer(server, complaints) {
  try {
    const client = await SoakClient.connect(server.url);
    const { sessions } = await client.call('session.list', { limit: 1000 });
    await Promise.all(sessions.map(({ sessionId }) => client.call('session.close', { sessionId })));
    client.close();
  } catch (error) {
    complaints.push(`the case's own server: ${error.message}`);
  }
  await server.end('SIGTERM');
  const left = await belongings(server.serverId, server.stateDirectory);
  complaints.push(...left.map((what) => `the case's own server left ${what}`));
  await server.removeAll();
  await rm(server.stateDirectory, { recursive: true, force: true });
}

function brief(reply) {
  const { stdout = '', stderr = '' } = reply.result ?? {};
  const said = (stderr || stdout).trim().slice(-200);
  return said === '' ? howItEnded(reply) : `${howItEnded(reply)} (${said})`;
}
