import type { AgentChannel } from './agent-channel.js';
import { AgentError } from './agent-error.js';
import { AgentProcesses } from './agent-processes.js';
import type { AgentInfo, FileEntry, OutputChunk, ProcessEnd, ProcessSpec } from './agent-types.js';
import type { Exchange, ExchangeOptions, ExchangeResponse } from './exchange.js';
import { FileTransfers } from './file-transfers.js';
import { MAX_DATA_BYTES } from './frames.js';
import { toChunk } from './output-chunk.js';
import { type CallOptions, settle } from './settle.js';

const NEWLINE = 0x0a;

export interface RunOptions {
  readonly stdin?: Buffer;
  /** Takes output as it comes; a promise holds the program up until it resolves. */
  readonly onOutput?: (chunk: OutputChunk) => void | Promise<void>;
  /** Kills the program and everything that it started. `reason` of the abort is told to the agent. */
  readonly signal?: AbortSignal;
}

export interface WriteFileOptions {
  readonly mode: 'create' | 'create_new' | 'append' | 'overwrite';
  readonly parents: boolean;
}

export interface ListOptions {
  readonly recursive: boolean;
  readonly includeHidden: boolean;
  readonly limit: number;
  readonly pattern?: string;
  readonly maxDepth?: number;
  readonly cursor?: string;
}

/**
 * The agent's verbs, typed. Every call rejects with {@link AgentError} when the agent refused, and with
 * ChannelLostError when the connection ended before the answer.
 */
export class AgentClient {
  /** Files of any size, as streams. */
  readonly transfers: FileTransfers;
  /** Background processes. */
  readonly processes: AgentProcesses;

  constructor(private readonly channel: () => AgentChannel) {
    this.transfers = new FileTransfers(channel);
    this.processes = new AgentProcesses(channel);
  }

  async ping(): Promise<void> {
    await this.call('ping', {});
  }

  /** Replaces the opaque bytes that the agent keeps for whoever attaches later. */
  async claim(claim: Buffer, selfDestructMs?: number): Promise<void> {
    await this.call('claim', { selfDestructMs }, {}, { payload: claim });
  }

  async info(): Promise<AgentInfo> {
    const { head, payload } = await this.call('info', {});
    return { ...(head as unknown as Omit<AgentInfo, 'claim'>), claim: payload };
  }

  /** Runs a program to its end. Resolves however it ended; only a broken connection or a misuse rejects. */
  async run(spec: ProcessSpec, options: RunOptions = {}): Promise<ProcessEnd> {
    const { stdin, onOutput, signal } = options;
    signal?.throwIfAborted();
    const exchange = this.channel().exchange(
      'run',
      { ...spec, stdin: stdin ? 'open' : 'closed' },
      {
        end: !stdin,
        onData: onOutput && ((payload, head) => onOutput(toChunk(head, payload))),
      },
    );
    if (stdin) void feed(exchange, stdin);
    const { head } = await settle(exchange, { signal, timeoutMs: spec.timeoutMs });
    return head as unknown as ProcessEnd;
  }

  /** Kills a process and everything that it started; resolves when nothing of it is left. */
  async kill(processId: string, reason: 'killed' | 'cancelled' = 'killed'): Promise<{ killed: number }> {
    const { head } = await this.call('kill', { processId, reason });
    return { killed: Number(head['killed'] ?? 0) };
  }

  async writeFile(
    path: string,
    content: Buffer,
    how: WriteFileOptions,
    options: CallOptions = {},
  ): Promise<{ path: string; bytes: number }> {
    const first = content.subarray(0, MAX_DATA_BYTES);
    const rest = content.subarray(first.length);
    const { head } = await this.call(
      'write_file',
      { path, ...how },
      options,
      { payload: first, end: rest.length === 0 },
      (exchange) => (rest.length > 0 ? feed(exchange, rest) : undefined),
    );
    return { path: String(head['path']), bytes: Number(head['bytes']) };
  }

  /** Reads a range into memory: the caller bounds `length`. */
  async readFile(
    path: string,
    range: { offset?: number; length: number },
    options: CallOptions = {},
  ): Promise<{ path: string; content: Buffer; size: number }> {
    const parts: Buffer[] = [];
    let room = range.length;
    const onData = (payload: Buffer): void => {
      room -= payload.length;
      // What a tenant might have made of its agent must not fill this server's memory.
      if (room < 0) throw new AgentError('internal', 'the agent sent more than it was asked for');
      parts.push(payload);
    };
    const { head, payload } = await this.call('read_file', { path, ...range }, options, { onData });
    onData(payload);
    return { path: String(head['path']), content: Buffer.concat(parts), size: Number(head['size']) };
  }

  async listDirectory(
    path: string,
    how: ListOptions,
    options: CallOptions = {},
  ): Promise<{ path: string; entries: FileEntry[]; nextCursor: string | null }> {
    const entries: FileEntry[] = [];
    const lines = new LineReader((line) => entries.push(JSON.parse(line) as FileEntry));
    const onData = (payload: Buffer): void => lines.push(payload);
    const { head, payload } = await this.call('list_directory', { path, ...how }, options, { onData });
    lines.push(payload);
    return { path: String(head['path']), entries, nextCursor: (head['nextCursor'] as string | undefined) ?? null };
  }

  async statFile(path: string, options: CallOptions = {}): Promise<FileEntry> {
    return (await this.call('stat_file', { path }, options)).head as unknown as FileEntry;
  }

  async createDirectory(path: string, recursive: boolean, options: CallOptions = {}) {
    const { head } = await this.call('create_directory', { path, recursive }, options);
    return { path: String(head['path']), created: head['created'] === true };
  }

  async copyFile(
    source: string,
    destination: string,
    how: { overwrite: boolean; recursive: boolean },
    options: CallOptions = {},
  ) {
    const { head } = await this.call('copy_file', { source, destination, ...how }, options);
    return { source: String(head['source']), destination: String(head['destination']), bytes: Number(head['bytes']) };
  }

  async moveFile(source: string, destination: string, how: { overwrite: boolean }, options: CallOptions = {}) {
    const { head } = await this.call('move_file', { source, destination, ...how }, options);
    return { source: String(head['source']), destination: String(head['destination']) };
  }

  async deleteFile(path: string, recursive: boolean, options: CallOptions = {}) {
    const { head } = await this.call('delete_file', { path, recursive }, options);
    return { path: String(head['path']), deleted: head['deleted'] === true };
  }

  private async call(
    method: string,
    params: object,
    { signal, timeoutMs }: CallOptions = {},
    options: ExchangeOptions = {},
    begin?: (exchange: Exchange) => Promise<void> | undefined,
  ): Promise<ExchangeResponse> {
    signal?.throwIfAborted();
    const exchange = this.channel().exchange(
      method,
      timeoutMs === undefined ? params : { ...params, timeoutMs },
      options,
    );
    void begin?.(exchange);
    return settle(exchange, { signal, timeoutMs });
  }
}

async function feed(exchange: Exchange, bytes: Buffer): Promise<void> {
  await exchange.write(bytes);
  exchange.end();
}

/** Splits a byte stream at newlines without ever cutting a character. */
class LineReader {
  private rest = Buffer.alloc(0);

  constructor(private readonly onLine: (line: string) => void) {}

  push(bytes: Buffer): void {
    let from = 0;
    const all = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    for (let at = all.indexOf(NEWLINE); at >= 0; at = all.indexOf(NEWLINE, from)) {
      this.onLine(all.toString('utf8', from, at));
      from = at + 1;
    }
    this.rest = Buffer.from(all.subarray(from));
  }
}
