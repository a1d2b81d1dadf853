import { docker } from './leftovers.js';

interface Seen {
  readonly id: string;
  readonly action: string;
}

/** What the engine tells about the sandboxes of one server from now on. */
export class ContainerEvents {
  readonly seen: Seen[] = [];
  private readonly listeners = new Set<() => void>();

  private constructor(private readonly stream: NodeJS.ReadableStream) {
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.note(JSON.parse(line));
    });
  }

  static async follow(serverId: string): Promise<ContainerEvents> {
    const filters = { label: [`codebeaker=${serverId}`] };
    return new ContainerEvents(await docker().getEvents({ filters }));
  }

  /** The ids of the containers to which it happened. */
  all(action: string): string[] {
    return this.seen.filter((event) => event.action === action).map(({ id }) => id);
  }

  /** Resolves when it has happened to a container, `id` if given, and tells to which. */
  async happened(action: string, id?: string): Promise<string> {
    const find = (): string | undefined => this.all(action).find((other) => id === undefined || other === id);
    const now = find();
    if (now !== undefined) return now;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.listeners.delete(check);
        reject(new Error(`no container had the event ${action}; seen: ${JSON.stringify(this.seen)}`));
      }, 60_000);
      const check = (): void => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        this.listeners.delete(check);
        resolve(found);
      };
      this.listeners.add(check);
    });
  }

  close(): void {
    (this.stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
  }

  private note(event: any): void {
    // The container that fills the agent's volume is the server's too, but no sandbox.
    if (event.Actor?.Attributes?.['codebeaker.language'] === undefined) return;
    this.seen.push({ id: event.Actor.ID, action: event.Action });
    for (const listener of this.listeners) listener();
  }
}
