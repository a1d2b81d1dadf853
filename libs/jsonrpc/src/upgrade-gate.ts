import type { IncomingMessage } from 'node:http';
import { Logger } from '@nestjs/common';
import type { JsonRpcSettings, RpcVerdict } from './options.js';

type Refusal = Extract<RpcVerdict, { ok: false }>;
type Done = (ok: boolean, status?: number, message?: string, headers?: Record<string, string>) => void;

const full: Refusal = { ok: false, status: 503, message: 'Too many connections', headers: { 'Retry-After': '5' } };
const shut: Refusal = { ok: false, status: 503, message: 'The server is shutting down' };
const slow: Refusal = { ok: false, status: 503, message: 'The request could not be verified in time' };
const broken: Refusal = { ok: false, status: 500, message: 'Internal server error' };

/** Decides about upgrades: the number of connections, then the application's `verifyClient`. */
export class UpgradeGate {
  private readonly logger = new Logger('JsonRpc');
  private readonly states = new WeakMap<IncomingMessage, Record<string, unknown>>();
  private pending = 0;
  private isShut = false;

  constructor(
    private readonly settings: JsonRpcSettings,
    private readonly openConnections: () => number,
  ) {}

  /** For the `verifyClient` option of ws, which counts its parameters. */
  readonly verify = (info: { req: IncomingMessage }, done: Done): void => {
    void this.answer(info.req, done);
  };

  /** What `verifyClient` found out about the client of this upgrade. */
  stateOf(request: IncomingMessage): Record<string, unknown> {
    return this.states.get(request) ?? {};
  }

  /** Refuses every further upgrade. */
  shut(): void {
    this.isShut = true;
  }

  private async answer(request: IncomingMessage, done: Done): Promise<void> {
    const isFull = this.openConnections() + this.pending >= this.settings.maxConnections;
    this.pending++;
    try {
      const verdict = isFull ? full : await this.decide(request);
      if (verdict.ok) {
        this.states.set(request, verdict.state ?? {});
        done(true);
      } else {
        // ws sends messages as text/html, which they are not.
        done(false, verdict.status, verdict.message, { 'Content-Type': 'text/plain', ...verdict.headers });
      }
    } catch (error) {
      this.logger.error(error);
    } finally {
      // Not before the connection is counted as open, or there would be room for one too many.
      this.pending--;
    }
  }

  private async decide(request: IncomingMessage): Promise<RpcVerdict> {
    if (this.isShut) return shut;
    const { verifyClient } = this.settings;
    if (!verifyClient) return { ok: true };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<RpcVerdict>((resolve) => {
      timer = setTimeout(() => resolve(slow), this.settings.verifyTimeoutMs);
    });
    try {
      const verdict = await Promise.race([verifyClient(request), late]);
      return verdict.ok && this.isShut ? shut : verdict;
    } catch (error) {
      this.logger.error(error);
      return broken;
    } finally {
      clearTimeout(timer);
    }
  }
}
