import { once } from 'node:events';
import { WebSocket } from 'ws';

/** The socket went while a call was under way: in a soak that is no fault. */
export class Disconnected extends Error {}

/** A refusal by JSON-RPC, with its `reason`. */
export class Refused extends Error {
  constructor(error) {
    super(`${error.data?.reason}: ${error.message}`);
    this.reason = error.data?.reason;
  }
}

/** A client that may lose its socket at any time. Calls then reject with Disconnected. */
export class SoakClient {
  #pending = new Map();
  #listeners = new Set();
  #nextId = 1;
  #socket;

  static async connect(url) {
    const socket = new WebSocket(url);
    try {
      await once(socket, 'open');
    } catch (error) {
      throw new Disconnected(String(error));
    }
    return new SoakClient(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('message', (data) => this.#take(JSON.parse(data.toString())));
    socket.once('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Disconnected('the socket closed'));
      this.#pending.clear();
    });
  }

  call(method, params) {
    return this.begin(method, params).result;
  }

  /** A call, and the id to cancel it by. */
  begin(method, params) {
    const id = this.#nextId++;
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return { id, result: Promise.reject(new Disconnected('the socket is closed')) };
    }
    const result = new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return { id, result };
  }

  notify(method, params) {
    if (this.#socket.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', method, params }));
    }
  }

  /** Hears every notification until the returned function is called. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close() {
    this.#socket.close();
  }

  /** As a client that lost its network does: without a word. */
  drop() {
    this.#socket.terminate();
  }

  #take({ id, method, params, result, error }) {
    if (method !== undefined) {
      for (const listener of this.#listeners) listener(method, params);
      return;
    }
    const waiting = this.#pending.get(id);
    this.#pending.delete(id);
    if (error) waiting?.reject(new Refused(error));
    else waiting?.resolve(result);
  }
}
