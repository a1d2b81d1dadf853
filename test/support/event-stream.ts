import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

const TIMEOUT_MS = 60_000;

export interface SentEvent {
  readonly id: string;
  readonly name: string;
  readonly data: any;
}

/** A client of server-sent events that hides nothing of HTTP. */
export class EventStream {
  readonly events: SentEvent[] = [];
  /** The last `id:` seen, those without an event included. */
  lastId = '';
  comments = 0;
  isOver = false;
  private text = '';
  private readonly listeners = new Set<() => void>();

  private constructor(
    private readonly sent: ClientRequest,
    readonly response: IncomingMessage,
  ) {
    response.setEncoding('utf8');
    response.on('error', () => undefined);
    response.on('close', () => {
      this.isOver = true;
      this.tell();
    });
    response.on('data', (text: string) => {
      this.take(text);
      this.tell();
    });
  }

  /** Resolves when the head of the answer, and of a stream its beginning, has come. */
  static async open(port: number, query = '', headers: Record<string, string> = {}): Promise<EventStream> {
    const sent = request({ port, host: '127.0.0.1', path: `/v1/events${query}`, headers, agent: false });
    sent.on('error', () => undefined);
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const stream = new EventStream(sent, response);
    if (response.statusCode === 200) await stream.when(() => stream.lastId !== '', 'the stream begins');
    return stream;
  }

  get names(): string[] {
    return this.events.map(({ name }) => name);
  }

  async until(name: string, ofSession?: string): Promise<SentEvent> {
    const find = () =>
      this.events.find(
        (event) => event.name === name && (ofSession === undefined || event.data.sessionId === ofSession),
      );
    await this.when(() => find() !== undefined, `${name} comes`);
    return find()!;
  }

  /** Resolves when there are so many events. */
  count(wanted: number): Promise<void> {
    return this.when(() => this.events.length >= wanted, `${wanted} events have come`);
  }

  /** Resolves when the other side has ended it. */
  over(): Promise<void> {
    return this.when(() => this.isOver, 'the stream is over');
  }

  /** Resolves when `condition` holds, asked again whenever something comes. */
  async when(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.listeners.delete(check);
        reject(new Error(`within ${TIMEOUT_MS} ms it did not come true that ${what}; ${this.events.length} came`));
      }, TIMEOUT_MS);
      const check = (): void => {
        if (!condition()) return;
        clearTimeout(timer);
        this.listeners.delete(check);
        resolve();
      };
      this.listeners.add(check);
    });
  }

  close(): void {
    this.sent.destroy();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  private take(text: string): void {
    this.text += text;
    const blocks = this.text.split('\n\n');
    this.text = blocks.pop() ?? '';
    for (const block of blocks) this.takeBlock(block);
  }

  private takeBlock(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    if (fields.has('')) this.comments++;
    this.lastId = fields.get('id') ?? this.lastId;
    const data = fields.get('data');
    if (data !== undefined)
      this.events.push({ id: this.lastId, name: fields.get('event') ?? '', data: JSON.parse(data) });
  }
}
