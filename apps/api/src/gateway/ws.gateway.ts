import { RpcContext, RpcCall, RpcGateway, RpcMethod, RpcParams } from '#libs/jsonrpc';
import { CommandsService, type ExecuteOptions } from '#libs/commands';
import { SessionsService, type SessionView, sessionView } from '#libs/sessions';

import { LanguagesService } from '../languages/languages.service.js';
import { applicantOf } from './applicant.js';
import { unlessDisconnected } from './detached.js';
import { outputNotifier } from './output.js';
import {
  CreateSessionParams,
  ExecuteParams,
  ExtendSessionParams,
  InitializeParams,
  ListSessionsParams,
  SessionIdParams,
} from './params.js';
import { listSessions } from './session-list.js';
import { ServerFacts } from './server-facts.js';

/** The control channel: each method adapts a frame to one call of a service. */
@RpcGateway()
export class WsGateway {
  constructor(
    private readonly sessions: SessionsService,
    private readonly commands: CommandsService,
    private readonly languages: LanguagesService,
    private readonly facts: ServerFacts,
  ) {}

  @RpcMethod('initialize', { summary: 'Tells what this server is and offers; optional.' })
  async initialize(@RpcParams() _params: InitializeParams) {
    return { ...this.facts.describe(), languages: await this.languages.list() };
  }

  @RpcMethod('language.list', { summary: 'Every language, and whether its image is there.' })
  async listLanguages() {
    return { languages: await this.languages.list() };
  }

  @RpcMethod('session.create', { summary: 'Starts a locked-down container for one language.' })
  async create(
    @RpcParams() { maxWaitMs, ...request }: CreateSessionParams,
    @RpcContext() call: RpcCall,
  ): Promise<SessionView> {
    // On the wire a new session is Active: it is ready for its first command.
    const session = await this.sessions.create(request, { ...applicantOf(call), maxWaitMs });
    return { ...sessionView(session), state: 'Active' };
  }

  @RpcMethod('session.execute', { summary: 'Runs one command in a session.' })
  execute(@RpcParams() params: ExecuteParams, @RpcContext() call: RpcCall) {
    const session = this.sessions.find(params.sessionId);
    const options: ExecuteOptions = {
      signal: params.detach ? unlessDisconnected(call.signal) : call.signal,
      detached: params.detach,
      ...(params.timeoutMs === undefined ? {} : { timeoutMs: params.timeoutMs }),
      ...(params.stream ? { onOutput: outputNotifier(call, session.id, params.detach) } : {}),
    };
    return this.commands.execute(session, params.command, options);
  }

  @RpcMethod('session.get', { summary: 'One session.' })
  get(@RpcParams() { sessionId }: SessionIdParams): SessionView {
    return sessionView(this.sessions.find(sessionId));
  }

  @RpcMethod('session.list', { summary: 'The live sessions, the oldest first.' })
  list(@RpcParams() params: ListSessionsParams) {
    return listSessions(this.sessions.all(), params);
  }

  @RpcMethod('session.extend', { summary: 'Changes how long a session may idle or live.' })
  extend(@RpcParams() { sessionId, ...changes }: ExtendSessionParams): SessionView {
    return sessionView(this.sessions.extend(sessionId, changes));
  }

  @RpcMethod('session.close', { summary: 'Ends a session; when it answers, container and volume are gone.' })
  async close(@RpcParams() { sessionId }: SessionIdParams) {
    await this.sessions.close(sessionId);
    return { sessionId, closed: true };
  }
}
