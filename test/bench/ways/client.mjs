import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';

const START_LIMIT_MS = 30_000;

/** The least client that can be measured with. */
export class BenchClient {
  #pending = new Map();
  #nextId = 1;
  #socket;

  /** Tries until the server listens. */
  static async connect(url) {
    const until = Date.now() + START_LIMIT_MS;
    for (;;) {
      const socket = new WebSocket(url);
      try {
        await once(socket, 'open');
        return new BenchClient(socket);
      } catch (error) {
        if (Date.now() > until) throw error;
        await delay(50);
      }
    }
  }

  constructor(socket) {
    this.#socket = socket;
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
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  close() {
    this.#socket.close();
  }
}
