import type { AgentChannel } from './agent-channel.js';
import type { OutputChunk, ProcessEnd, ProcessSpec } from './agent-types.js';
import type { Exchange, ExchangeOptions } from './exchange.js';
import { MAX_DATA_BYTES } from './frames.js';
import { type ChannelWords, isOfChannel, toChunk, toWords } from './output-chunk.js';
import { settle } from './settle.js';

/** A terminal's size, in characters. */
export interface TerminalSize {
  readonly cols: number;
  readonly rows: number;
}

export interface StartSpec extends Omit<ProcessSpec, 'forwardBytes' | 'detached'> {
  readonly stdin: 'open' | 'closed';
  readonly pty?: TerminalSize;
  /** Gives the program a channel as its descriptor 3: PROTOCOL.md, *Channel*. */
  readonly channel?: boolean;
  /** Bytes of output that the agent keeps; 4 MiB where absent. */
  readonly keepBytes?: number;
}

/** Output that a reader missed because the ring had dropped it, or a limit kept it back. */
export interface OutputGap {
  readonly droppedBytes: number;
  /** True where more may be missing: the reader began where nobody knows any more how far the output had come. */
  readonly isLeast?: boolean;
  /** The first chunk that is still there. */
  readonly nextSeq: number;
}

export interface AttachOptions {
  /** Takes output as it comes; a promise holds this reader up, and nobody else. */
  readonly onOutput: (chunk: OutputChunk) => void | Promise<void>;
  /** Takes what the program writes to its channel, in order with its output. */
  readonly onChannel?: (words: ChannelWords) => void | Promise<void>;
  /** Told as soon as it is known: chunks before the gap may still wait for the reader. */
  readonly onGap: (gap: OutputGap) => void;
  /** Aborting it only detaches; the call then rejects with AgentError `cancelled`. */
  readonly signal: AbortSignal;
}

/**
 * The agent's verbs for processes that outlive their request and the line to the server. Errors are those of AgentClient;
 * `start` lasts as long as the agent wants, `attach`, `wait` and `write` as long as the process does.
 */
export class AgentProcesses {
  constructor(private readonly channel: () => AgentChannel) {}

  /**
   * Resolves once the program runs; AgentError `spawn_failed` has `kind` in its details. Aborting it asks the agent not to
   * begin any more: it still answers what it did. How long to wait for that is the caller's to say.
   */
  async start(spec: StartSpec, signal?: AbortSignal): Promise<{ pid: number }> {
    const { head } = await answered(this.open('start', spec), signal);
    return { pid: Number(head['pid']) };
  }

  /** Reads output from `fromSeq` on, live, to the end of the process. */
  async attach(processId: string, fromSeq: number, options: AttachOptions): Promise<ProcessEnd> {
    const exchange = this.open(
      'attach',
      { processId, fromSeq },
      {
        onData: (payload, head) =>
          isOfChannel(head) ? options.onChannel?.(toWords(head, payload)) : options.onOutput(toChunk(head, payload)),
        onEvent: ({ event, droppedBytes, nextSeq, atLeast }) => {
          if (event !== 'gap') return;
          const gap = { droppedBytes: Number(droppedBytes), nextSeq: Number(nextSeq) };
          options.onGap(atLeast === true ? { ...gap, isLeast: true } : gap);
        },
      },
    );
    const { head } = await answered(exchange, options.signal);
    return head as unknown as ProcessEnd;
  }

  /** How the process ended, when it has. */
  async wait(processId: string, signal?: AbortSignal): Promise<ProcessEnd> {
    const { head } = await answered(this.open('wait', { processId }), signal);
    return head as unknown as ProcessEnd;
  }

  /** Resolves when the program's stdin, or its channel, has taken all of it. Writes keep the order of the calls. */
  async write(
    processId: string,
    data: Buffer,
    options: { readonly close?: boolean; readonly channel?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ bytes: number }> {
    const payload = data.subarray(0, MAX_DATA_BYTES);
    const rest = data.subarray(payload.length);
    const exchange = this.open(
      'write',
      { processId, close: options.close ?? false, ...(options.channel ? { channel: true } : {}) },
      { payload, end: rest.length === 0 },
    );
    if (rest.length > 0) void exchange.write(rest).then(() => exchange.end());
    const { head } = await answered(exchange, options.signal);
    return { bytes: Number(head['bytes']) };
  }

  async resize(processId: string, { cols, rows }: TerminalSize): Promise<void> {
    await settle(this.open('resize', { processId, cols, rows }), {});
  }

  async signal(processId: string, signal: string, target: 'group' | 'leader'): Promise<void> {
    await settle(this.open('signal', { processId, signal, target }), {});
  }

  /** Makes the agent forget a process that has ended. */
  async release(processId: string): Promise<void> {
    await settle(this.open('release', { processId }), {});
  }

  private open(method: string, params: object, options: ExchangeOptions = {}): Exchange {
    return this.channel().exchange(method, params, options);
  }
}

/** The response of an exchange that may last for hours: only the line's end or the caller's wish ends it sooner. */
async function answered(exchange: Exchange, signal: AbortSignal | undefined) {
  const onAbort = (): void => exchange.cancel('cancelled');
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await exchange.response;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
