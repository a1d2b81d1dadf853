import type { Readable } from 'node:stream';

import type { AgentChannel } from './agent-channel.js';
import { AgentError } from './agent-error.js';
import { deferred } from './deferred.js';
import type { Exchange, ExchangeResponse } from './exchange.js';
import { Feed } from './feed.js';
import { textOf } from './head.js';
import { type CallOptions, settle } from './settle.js';

/** With what an exchange begins with alone, a download waits most of its time for credit to come round. */
const EXTRA_WINDOW_BYTES = 786_432;

export interface UploadOptions {
  readonly mode: 'create' | 'create_new' | 'overwrite';
  readonly parents: boolean;
  /** Bytes that are to come, where that is known: what finds no room is refused at once, and no other number is taken. */
  readonly size?: number;
  /** Versions of which the file that is replaced must have one, or the write fails with `version_mismatch`. */
  readonly ifVersion?: readonly string[];
}

export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** False when there was a file that was replaced. */
  readonly created: boolean;
  /** Absent where the agent cannot tell one that is bound to change with the file. */
  readonly version?: string;
}

/** What a download has opened. */
export interface OpenedPath {
  readonly path: string;
  readonly type: 'file' | 'directory';
  /** Bytes of a file; 0 for a directory. */
  readonly size: number;
  readonly modifiedAt: Date;
  /** Of a file: another one whenever its content is another one. */
  readonly version?: string;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** Takes bytes as they come; a promise holds the sandbox up until it resolves, and then the bytes are others' again. */
export type TakeBytes = (bytes: Buffer) => void | Promise<void>;

/** Files of any size, in and out, never more of one in memory than its exchange's credits: a megabyte. */
export class FileTransfers {
  constructor(private readonly channel: () => AgentChannel) {}

  /**
   * Writes a stream to a file, which others see when all of it is there. A stream that breaks leaves the old file; the
   * call then rejects with the stream's error. The bytes of the stream are nobody else's: their memory is given back as
   * soon as they have left.
   */
  async write(path: string, source: Readable, how: UploadOptions, options: CallOptions = {}): Promise<WrittenFile> {
    options.signal?.throwIfAborted();
    const exchange = this.channel().exchange('write_file', { path, ...how, version: true }, { end: false });
    const feed = new Feed(source, exchange);
    try {
      const { head } = await settle(exchange, options, () => feed.isOurTurn);
      return {
        path: String(head['path']),
        bytes: Number(head['bytes']),
        created: head['created'] === true,
        ...versionIn(head),
      };
    } catch (error) {
      throw feed.failure ?? error;
    } finally {
      feed.stop();
    }
  }

  /**
   * Opens a file or a directory, so that what is told of it and what is sent are the same. The download must be ended by
   * {@link Download.send} or {@link Download.close}.
   */
  async open(path: string, options: CallOptions = {}): Promise<Download> {
    options.signal?.throwIfAborted();
    const opened = deferred<OpenedPath>();
    const taker: { take: TakeBytes } = { take: unasked };
    const exchange = this.channel().exchange(
      'download',
      { path },
      {
        end: false,
        extraWindowBytes: EXTRA_WINDOW_BYTES,
        reusesBytes: true,
        onEvent: (head) => opened.resolve(toOpenedPath(head)),
        onData: (bytes) => taker.take(bytes),
      },
    );
    const response = settle(exchange, options);
    response.then(() => opened.reject(new AgentError('internal', 'the agent opened nothing')), opened.reject);
    return new Download(await opened.promise, exchange, response, taker);
  }
}

/** An opened file or directory of a sandbox. */
export class Download {
  constructor(
    readonly opened: OpenedPath,
    private readonly exchange: Exchange,
    private readonly response: Promise<ExchangeResponse>,
    private readonly taker: { take: TakeBytes },
  ) {}

  /**
   * Sends the whole, of a directory as a tar, or a range of a file.
   * @returns how many bytes were there, which is less than was asked for where the file has become shorter
   * @throws AgentError where a part of a directory could not be read: what was taken by then is not whole
   */
  async send(take: TakeBytes, range?: ByteRange): Promise<{ bytes: number; leftOut: number }> {
    const { opened } = this;
    let room = range?.length ?? (opened.type === 'file' ? opened.size : Number.POSITIVE_INFINITY);
    let bytes = 0;
    this.taker.take = (part) => {
      room -= part.length;
      if (room < 0) throw new AgentError('internal', 'the agent sent more than it was asked for');
      bytes += part.length;
      return take(part);
    };
    await this.exchange.write(Buffer.from(JSON.stringify(range ?? {})));
    this.exchange.end();
    const { head } = await this.response;
    return { bytes, leftOut: Number(head['leftOut'] ?? 0) };
  }

  /** Ends it with nothing sent. */
  close(): void {
    this.exchange.cancel('cancelled');
  }
}

function unasked(): never {
  throw new AgentError('internal', 'the agent sent what it was not asked for');
}

function toOpenedPath(head: Record<string, unknown>): OpenedPath {
  return {
    path: textOf(head['path']),
    type: head['type'] === 'directory' ? 'directory' : 'file',
    size: Number(head['size'] ?? 0),
    modifiedAt: new Date(textOf(head['modifiedAt'])),
    ...versionIn(head),
  };
}

function versionIn(head: Record<string, unknown>): { version?: string } {
  const version = head['version'];
  return typeof version === 'string' && version !== '' ? { version } : {};
}
