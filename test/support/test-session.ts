import { docker } from './leftovers.js';
import type { RpcClient } from './rpc-client.js';

/** A session, and a short way to say what happens in it. */
export class TestSession {
  constructor(
    readonly client: RpcClient,
    readonly created: any,
  ) {}

  get id(): string {
    return this.created.sessionId;
  }

  get containerId(): string {
    return this.created.containerId;
  }

  /** The reply to a command, whatever it says. */
  do(type: string, fields: object = {}, more: object = {}): Promise<any> {
    return this.client.execute(this.id, { type, ...fields }, more);
  }

  /** The result of a command that must succeed. */
  async ok(type: string, fields: object = {}, more: object = {}): Promise<any> {
    const reply = await this.do(type, fields, more);
    if (reply.success !== true || reply.error !== null) {
      throw new Error(
        `${type} ${JSON.stringify(fields).slice(0, 200)} failed: ${JSON.stringify(reply).slice(0, 2000)}`,
      );
    }
    return reply.result;
  }

  /** The reply to a program. */
  run(commandName: string, args: string[] = [], more: object = {}): Promise<any> {
    return this.do('execute_shell', { commandName, args, ...more });
  }

  /** What a shell script wrote to stdout; it must exit with 0. */
  sh(script: string, ...args: string[]): Promise<string> {
    return this.output('sh', ['-c', script, 'sh', ...args]);
  }

  /** What a Python program wrote to stdout; it must exit with 0. */
  python(code: string, ...args: string[]): Promise<string> {
    return this.output('python3', ['-c', code, ...args]);
  }

  /** Begins a command whose output is streamed to the client. */
  stream(type: string, fields: object, client = this.client): { id: number; result: Promise<any> } {
    const sent = client.send('session.execute', { sessionId: this.id, command: { type, ...fields }, stream: true });
    // Owned here too: a test that fails before it comes to the reply must fail for its own reason.
    sent.result.catch(() => undefined);
    return sent;
  }

  close(): Promise<any> {
    return this.client.call('session.close', { sessionId: this.id });
  }

  async state(): Promise<string> {
    return (await this.client.call('session.get', { sessionId: this.id })).state;
  }

  /** The command lines of what runs in the container besides the agent, as the host sees them. */
  async programs(): Promise<string[]> {
    return (await this.processes()).filter((args) => !args.endsWith('<defunct>'));
  }

  /** Also those that have ended and that nobody has reaped. */
  async processes(): Promise<string[]> {
    const { Processes } = await docker().getContainer(this.containerId).top({ ps_args: '-eo pid,args' });
    return (Processes as string[][])
      .map(([, ...args]) => args.join(' '))
      .filter((args) => !args.startsWith('/codebeaker/agent'));
  }

  private async output(commandName: string, args: string[]): Promise<string> {
    const result = await this.ok('execute_shell', { commandName, args });
    if (result.exitCode !== 0) throw new Error(`${commandName} exited with ${result.exitCode}: ${result.stderr}`);
    return result.stdout;
  }
}
