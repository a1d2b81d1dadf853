import { Injectable, Logger } from '@nestjs/common';

import type { RpcConnection } from '#libs/jsonrpc';
import {
  type BackgroundProcess,
  type Missed,
  ProcessesService,
  type ProcessReader,
  type ProcessSink,
} from '#libs/processes';

import { outputFields } from '../gateway/output.js';
import { endView } from './views.js';

/** The readers of every connection: one for each process, detached when the connection ends. */
@Injectable()
export class Readers {
  private readonly logger = new Logger(Readers.name);
  private readonly byConnection = new WeakMap<RpcConnection, Map<string, ProcessReader>>();

  constructor(private readonly processes: ProcessesService) {}

  /**
   * Replaces the connection's reader of the process, if there is one.
   * @throws DomainError quota_exceeded; then nothing has changed
   */
  attach(connection: RpcConnection, process: BackgroundProcess, fromSeq: number): void {
    const own = this.of(connection);
    const former = own.get(process.id);
    const reader = this.processes.attach(process, fromSeq, this.sink(connection, process), former);
    former?.stop();
    own.set(process.id, reader);
    if (connection.closed.aborted) reader.stop();
    // The answer to the request that attaches leaves within this turn of the event loop, so it comes before any output.
    setImmediate(() => {
      void reader.run().finally(() => {
        if (own.get(process.id) === reader) own.delete(process.id);
      });
    });
  }

  /** Whether there was one. */
  detach(connection: RpcConnection, processId: string): boolean {
    const own = this.of(connection);
    own.get(processId)?.stop();
    return own.delete(processId);
  }

  private of(connection: RpcConnection): Map<string, ProcessReader> {
    const known = this.byConnection.get(connection);
    if (known) return known;
    const own = new Map<string, ProcessReader>();
    this.byConnection.set(connection, own);
    connection.onClose(() => {
      for (const reader of own.values()) reader.stop();
      own.clear();
    });
    return own;
  }

  private sink(connection: RpcConnection, process: BackgroundProcess): ProcessSink {
    const names = { sessionId: process.session.id, processId: process.id };
    // A connection that closes has stopped its readers: nobody misses what it is not sent.
    const tell = (method: string, params: object): void =>
      void connection.notify(method, params).catch(() => undefined);
    return {
      output: (chunk, missed) =>
        connection.notify('process.output', { ...names, ...outputFields(chunk), ...missedView(missed) }),
      exited: (end, missed) => tell('process.exited', { ...names, ...endView(end), ...missedView(missed) }),
      failed: (error) => {
        this.logger.warn({ message: 'a reader was detached', ...names, error });
        tell('process.detached', names);
      },
    };
  }
}

function missedView(missed: Missed | undefined): { droppedBytes?: number; droppedAtLeast?: true } {
  if (!missed) return {};
  return { droppedBytes: missed.droppedBytes, ...(missed.isLeast ? { droppedAtLeast: true } : {}) };
}
