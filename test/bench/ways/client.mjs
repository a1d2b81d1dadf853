import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

const START_LIMIT_MS = 30_000;

/** The least client that can be measured with. Like a busy one, it sends what it has to say at once in one piece. */
export class BenchClient {
  #pending = new Map();
  #nextId = 1;
  #socket;
  #stream;
  #isGathering = false;

  /** Tries until the server listens. */
  static async connect(url) {
    const until = Date.now() + START_LIMIT_MS;
    for (;;) {
      const socket = new WebSocket(url);
      try {
        const [[response]] = await Promise.all([once(socket, 'upgrade'), once(socket, 'open')]);
        return new BenchClient(socket, response.socket);
      } catch (error) {
        if (Date.now() > until) throw error;
        await delay(50);
      }
    }
  }

  /** @param stream what the socket sends over */
  constructor(socket, stream) {
    this.#socket = socket;
    this.#stream = stream;
    socket.on('message', (data) => {
      const { id, result, error } = JSON.parse(data.toString());
      const waiting = this.#pending.get(id);
      // A notification: nobody asked.
      if (!waiting) return;
      this.#pending.delete(id);
      if (error) waiting.reject(new Error(error.message));
      else waiting.resolve(result);
    });
    socket.once('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('the server closed the connection'));
      this.#pending.clear();
    });
  }

  call(method, params) {
    const id = this.#nextId++;
    this.#gather();
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  /** Calls of one turn of the event loop leave in one system call. */
  #gather() {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#stream.cork();
    setImmediate(() => {
      this.#isGathering = false;
      this.#stream.uncork();
    });
  }

  close() {
    this.#socket.close();
  }
}
