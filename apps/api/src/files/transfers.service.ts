import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { setMaxListeners } from 'node:events';
import type { ServerResponse } from 'node:http';

import { linkSignals } from '#libs/commands';
import { ChannelLostError, type FileTransfers } from '#libs/runtime';
import { DomainError, type Session, SessionsService } from '#libs/sessions';

import { Config } from '../config/config.js';

const RETRY_AFTER_MS = 1_000;

/** What a transfer works with. */
export interface Transfer {
  readonly files: FileTransfers;
  /** Aborted when the client has gone, the session ends or the server goes down. */
  readonly signal: AbortSignal;
}

/** Lets transfers of files into sessions: found, counted, bounded, and ended with whichever of both sides ends first. */
@Injectable()
export class TransfersService implements BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly running = new Map<string, number>();
  private count = 0;

  constructor(
    private readonly sessions: SessionsService,
    private readonly config: Config,
  ) {
    setMaxListeners(0, this.stopping.signal);
  }

  /** A download that nobody finishes must not keep the server from its end. */
  beforeApplicationShutdown(): void {
    this.stopping.abort('shutdown');
  }

  /**
   * Does one transfer. While it runs the session is Active.
   * @throws DomainError session_not_found, session_ended, rate_limited, shutting_down
   * @throws RuntimeError engine_unavailable
   */
  async run(sessionId: string, response: ServerResponse, work: (transfer: Transfer) => Promise<void>): Promise<void> {
    const session = this.sessions.find(sessionId);
    const leave = this.enter(sessionId);
    const activity = session.begin();
    const client = goneSignal(response);
    const link = linkSignals(client, session.ended, this.stopping.signal);
    // A client that does not read must not hold up the end of anything.
    const breakOff = (): void => {
      if (response.headersSent) response.destroy();
    };
    link.signal.addEventListener('abort', breakOff, { once: true });
    response.req.socket.setTimeout(this.config.transferIdleSeconds * 1000);
    try {
      if (!(await session.sandbox.ready())) throw ended(session);
      link.signal.throwIfAborted();
      await work({ files: session.sandbox.agent.transfers, signal: link.signal });
    } catch (error) {
      throw await this.explain(error, session);
    } finally {
      link.release();
      activity.end();
      leave();
    }
  }

  private enter(sessionId: string): () => void {
    const { maxTransfers, maxSessionTransfers } = this.config;
    const own = this.running.get(sessionId) ?? 0;
    if (this.count >= maxTransfers || own >= maxSessionTransfers) {
      const whose = own >= maxSessionTransfers ? `session has ${own}` : `server has ${this.count}`;
      throw new DomainError('rate_limited', `The ${whose} transfers of files already; try again.`, {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    this.count++;
    this.running.set(sessionId, own + 1);
    return () => {
      this.count--;
      const left = (this.running.get(sessionId) ?? 1) - 1;
      if (left === 0) this.running.delete(sessionId);
      else this.running.set(sessionId, left);
    };
  }

  /** What ended the transfer in truth: an agent only says that it was cancelled, or nothing any more. */
  private async explain(error: unknown, session: Session): Promise<unknown> {
    if (session.endReason !== undefined) return ended(session);
    if (this.stopping.signal.aborted) {
      return new DomainError('shutting_down', 'The server is going down, and has ended the transfer.');
    }
    if (!(error instanceof ChannelLostError)) return error;
    if (!(await session.sandbox.ready())) return ended(session);
    return new DomainError(
      'engine_unavailable',
      'The connection to the sandbox was lost during the transfer. The session goes on; of an upload it is not known whether it took effect.',
    );
  }
}

/** Aborted when the client has gone before it had its answer. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const check = (): void => {
    if (!response.writableFinished) gone.abort('disconnected');
  };
  response.once('close', check);
  if (response.destroyed) check();
  return gone.signal;
}

function ended(session: Session): DomainError {
  const endReason = session.endReason ?? 'container_lost';
  return new DomainError('session_ended', `The session has ended: ${endReason}.`, { endReason });
}
