import { CommandsOptions, decodeContent, runLimits } from '#libs/commands';
import { RpcCall, type RpcConnection, RpcContext, RpcGateway, RpcMethod, RpcParams } from '#libs/jsonrpc';
import { type BackgroundProcess, invalid, ProcessesService } from '#libs/processes';
import { DomainError, requireWithin, SessionsService } from '#libs/sessions';

import { SessionIdParams } from '../gateway/params.js';
import {
  AttachProcessParams,
  ProcessIdParams,
  ResizeProcessParams,
  SignalProcessParams,
  StartProcessParams,
  WriteProcessParams,
} from './params.js';
import { Readers } from './readers.js';
import { endView, processView } from './views.js';

/** Background processes: what outlives its request, its socket and the server. */
@RpcGateway()
export class ProcessesGateway {
  constructor(
    private readonly sessions: SessionsService,
    private readonly processes: ProcessesService,
    private readonly readers: Readers,
    private readonly options: CommandsOptions,
  ) {}

  @RpcMethod('process.start', { summary: 'Starts a program that outlives the request, the socket and the server.' })
  async start(@RpcParams() params: StartProcessParams, @RpcContext() { connection }: RpcCall) {
    const { sessionId, commandName, args, attach, timeoutMs, ...rest } = params;
    if (timeoutMs !== undefined) requireWithin('timeoutMs', timeoutMs, this.options.maxTimeoutMs);
    const process = await this.processes.start(this.sessions.find(sessionId), {
      ...rest,
      ...runLimits(params, this.options),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      args: [commandName, ...args],
      stdin: params.stdin ?? (params.pty ? 'open' : 'closed'),
    });
    if (attach) await this.attachOrKill(connection, process);
    const { id: processId, end } = process;
    return { sessionId, processId, state: end ? 'ended' : 'running', ...(end ? { end: endView(end) } : {}) };
  }

  /** Whoever is refused is not told its id: it would run and nobody could end it. */
  private async attachOrKill(connection: RpcConnection, process: BackgroundProcess): Promise<void> {
    try {
      this.readers.attach(connection, process, 0);
    } catch (error) {
      await this.processes.kill(process);
      throw error;
    }
  }

  @RpcMethod('process.attach', { summary: 'Sends what is kept of the output from a seq on, then what comes.' })
  async attach(@RpcParams() { processId, fromSeq }: AttachProcessParams, @RpcContext() { connection }: RpcCall) {
    const process = this.processes.find(processId);
    const span = await this.processes.span(process);
    if (fromSeq > span.nextSeq) throw invalid('fromSeq', `the output has only come to ${span.nextSeq}`);
    this.readers.attach(connection, process, fromSeq);
    return { sessionId: process.session.id, processId, ...span };
  }

  @RpcMethod('process.detach', { summary: "Ends this connection's reading; the process goes on." })
  detach(@RpcParams() { processId }: ProcessIdParams, @RpcContext() { connection }: RpcCall) {
    return { processId, detached: this.readers.detach(connection, processId) };
  }

  @RpcMethod('process.write', { summary: 'Writes to stdin; answers when the program has room for all of it.' })
  async write(@RpcParams() { processId, data, encoding }: WriteProcessParams, @RpcContext() { signal }: RpcCall) {
    const bytes = decodeContent(data, encoding);
    if (!bytes) throw invalid('data', 'data must be base64');
    return { processId, ...(await this.processes.write(this.processes.find(processId), bytes, signal)) };
  }

  @RpcMethod('process.closeStdin', { summary: 'Ends stdin; in a terminal, as Ctrl-D does.' })
  async closeStdin(@RpcParams() { processId }: ProcessIdParams, @RpcContext() { signal }: RpcCall) {
    await this.processes.closeStdin(this.processes.find(processId), signal);
    return { processId, closed: true };
  }

  @RpcMethod('process.resize', { summary: 'Changes the size of the terminal.' })
  async resize(@RpcParams() { processId, cols, rows }: ResizeProcessParams) {
    await this.processes.resize(this.processes.find(processId), { cols, rows });
    return { processId, cols, rows };
  }

  @RpcMethod('process.signal', { summary: "Sends a signal to the program's process group." })
  async signal(@RpcParams() { processId, signal, target }: SignalProcessParams) {
    await this.processes.signal(this.processes.find(processId), signal, target);
    return { processId, signal };
  }

  @RpcMethod('process.kill', { summary: 'Kills the program and all that it started; then nothing of it is left.' })
  async kill(@RpcParams() { processId }: ProcessIdParams) {
    return { processId, ...(await this.processes.kill(this.processes.find(processId))) };
  }

  @RpcMethod('process.wait', { summary: 'How the process ended, once it has.' })
  async wait(@RpcParams() { processId }: ProcessIdParams, @RpcContext() { signal }: RpcCall) {
    const process = this.processes.find(processId);
    try {
      return { sessionId: process.session.id, processId, ...endView(await process.ended(signal)) };
    } catch (error) {
      if (error instanceof DomainError || !signal.aborted) throw error;
      throw new DomainError('request_cancelled', 'The request was cancelled; the process goes on.');
    }
  }

  @RpcMethod('process.list', { summary: "A session's background processes, those that ended lately included." })
  async list(@RpcParams() { sessionId }: SessionIdParams) {
    const processes = await this.processes.list(this.sessions.find(sessionId));
    return { count: processes.length, processes: processes.map(processView) };
  }
}
