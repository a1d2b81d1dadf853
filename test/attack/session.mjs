/** A session of the attacker. Every command answers with the whole reply: `{ success, result, error, errorCode }`. */
export class AttackSession {
  closed = false;
  #client;

  constructor(client, created) {
    this.#client = client;
    this.sessionId = created.sessionId;
    this.containerId = created.containerId;
    this.created = created;
  }

  get client() {
    return this.#client;
  }

  /** A command that is under way: `{ id, result }`. `more` goes into session.execute, such as `{ stream: true }`. */
  begin(command, more = {}) {
    return this.#client.begin('session.execute', { sessionId: this.sessionId, command, ...more });
  }

  command(command, more = {}) {
    return this.begin(command, more).result;
  }

  /**
   * A command whose output is heard while it runs: `{ id, result, said(text), notes }`. `said` waits until it has
   * written `text`, or rejects when it has ended without; `notes` are the notifications so far.
   */
  stream(command) {
    const notes = [];
    const waiting = new Set();
    const off = this.#client.listen((method, params) => {
      if (method !== 'session.output' || params.requestId !== id) return;
      notes.push(params);
      for (const look of waiting) look();
    });
    const { id, result } = this.begin(command, { stream: true });
    const over = result.finally(off);
    over.catch(() => undefined);
    const text = () => notes.map(({ data }) => data).join('');
    const said = (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!text().includes(wanted)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        over.then(
          (reply) => reject(new Error(`it ended without a word of ${wanted}: ${howItEnded(reply)}`)),
          (error) => reject(error),
        );
        look();
      });
    return { id, result: over, said, notes };
  }

  /** A program with its arguments; `more`: `stdin`, `timeoutMs`, `env`, `workingDirectory`. */
  run(commandName, args = [], more = {}) {
    return this.command({ type: 'execute_shell', commandName, args, ...more });
  }

  sh(script, more = {}) {
    return this.run('sh', ['-c', script], more);
  }

  python(code, more = {}) {
    return this.run('python3', ['-c', code], more);
  }

  write(path, content, more = {}) {
    return this.command({ type: 'write_file', path, content, ...more });
  }

  read(path, more = {}) {
    return this.command({ type: 'read_file', path, ...more });
  }

  /** `{ sessionId, closed: true }`, or throws what the server refuses with. */
  async close() {
    const answer = await this.#client.call('session.close', { sessionId: this.sessionId });
    this.closed = true;
    return answer;
  }
}

/** How a run ended, in a few words for a report. */
export function howItEnded({ result, errorCode, error }) {
  if (!result) return `${errorCode}: ${error}`;
  const { endReason, exitCode, signal, leftoversKilled } = result;
  const how = signal ? `by ${signal}` : exitCode === null ? '' : `with ${exitCode}`;
  const left = leftoversKilled > 0 ? `, ${leftoversKilled} leftovers killed` : '';
  return `${endReason} ${how}`.trim() + left;
}

/** The bytes that a streamed command's notifications hold, of both streams in the order they came. */
export function bytesOf({ notes }) {
  return Buffer.concat(notes.map(({ data, encoding }) => Buffer.from(data, encoding === 'base64' ? 'base64' : 'utf8')));
}

export function textOf(streamed) {
  return bytesOf(streamed).toString();
}

/** Whether the notifications are numbered from 0 without a gap. */
export function isWithoutGap({ notes }) {
  return notes.every(({ seq }, index) => seq === index);
}
