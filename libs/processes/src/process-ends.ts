import { Logger } from '@nestjs/common';

import { AgentError, ChannelLostError, type EndReason, type ProcessEnd } from '#libs/runtime';
import type { StatusFeed } from '#libs/sessions';

import type { BackgroundProcess } from './background-process.js';
import { overAnyLine } from './over-any-line.js';
import { processNotFound } from './refusals.js';

/** What is told of an end; null where it is not known. */
interface Exit {
  readonly endReason: EndReason | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

const UNKNOWN: Exit = { endReason: null, exitCode: null, signal: null };

/** Learns how processes end, and tells it. */
export class ProcessEnds {
  private readonly logger = new Logger(ProcessEnds.name);

  constructor(private readonly feed: StatusFeed) {}

  /** Waits for its end, over every line that the sandbox gets; kills it when its session ends. */
  follow(process: BackgroundProcess): void {
    const { session } = process;
    const kill = (): void => {
      session.sandbox.agent.kill(process.id).catch((error: unknown) => {
        const message = 'a process was not killed before its sandbox went';
        this.logger.debug({ message, processId: process.id, error });
      });
    };
    if (session.ended.aborted) kill();
    else session.ended.addEventListener('abort', kill, { once: true });
    void this.learn(process).finally(() => session.ended.removeEventListener('abort', kill));
  }

  finish(process: BackgroundProcess, end: ProcessEnd): void {
    // First, for a session that waits for its last process to end is told to have ended after it.
    this.tell(process, end);
    process.finish(end);
  }

  private async learn(process: BackgroundProcess): Promise<void> {
    const { sandbox } = process.session;
    try {
      const end = await overAnyLine(sandbox, undefined, () => sandbox.agent.processes.wait(process.id));
      this.finish(process, end ?? process.unseenEnd());
    } catch (error) {
      // This server lets go of its sandboxes: whoever adopts this one will learn it.
      if (error instanceof ChannelLostError) return;
      this.lose(process, error);
    }
  }

  private lose(process: BackgroundProcess, error: unknown): void {
    const isForgotten = error instanceof AgentError && error.code === 'process_not_found';
    const facts = { message: 'the end of a process is not known', processId: process.id, error };
    if (isForgotten) this.logger.debug(facts);
    else this.logger.error(facts);
    this.tell(process, UNKNOWN);
    process.vanish(isForgotten ? processNotFound() : error);
  }

  private tell({ id: processId, session }: BackgroundProcess, { endReason, exitCode, signal }: Exit): void {
    const details = { processId, endReason, exitCode, signal };
    this.feed.publish({ event: 'process.exited', sessionId: session.id, details });
  }
}
