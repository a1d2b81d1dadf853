import { Injectable, Logger } from '@nestjs/common';
import { setTimeout as delay } from 'node:timers/promises';

import {
  AgentError,
  findLanguage,
  type Interpreter as InterpreterSpec,
  type Language,
  LANGUAGES,
  type ProcessInfo,
} from '#libs/runtime';
import { DomainError, requireWithin, type Session, SessionsService } from '#libs/sessions';

import type { CellResult } from './cell.js';
import { Context, type ContextFacts, type ExecuteCellOptions } from './context.js';
import { ContextsOptions } from './options.js';
import { contextNotFound, noInterpreter, sessionEnded, tooManyContexts } from './refusals.js';
import { newContextId, WAITING_GENERATION, WaitingInterpreters } from './waiting.js';

/** An interpreter that says nothing for so long is not one. */
const START_LIMIT_MS = 30_000;
/** One that waits has started already; a new one is not much slower. */
const TAKE_OVER_LIMIT_MS = 2_000;
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_FIRST_WORDS = 2_000;
const PROCESS_ID = /^(ctx_[\w-]+)-(\d+)$/;

export interface ExecuteInContextOptions extends Omit<ExecuteCellOptions, 'timeoutMs'> {
  /** 30 s where absent, or the longest that the server gives. */
  readonly timeoutMs?: number;
}

/**
 * Contexts: interpreters of sessions that keep their state from cell to cell, found again after a restart and ended with
 * their session. Every call rejects with DomainError, and with RuntimeError engine_unavailable while the engine is away.
 */
@Injectable()
export class ContextsService {
  private readonly logger = new Logger(ContextsService.name);
  private readonly byId = new Map<string, Context>();
  private readonly bySession = new Map<Session, Set<Context>>();
  private readonly waiting: WaitingInterpreters;

  constructor(
    sessions: SessionsService,
    private readonly options: ContextsOptions,
  ) {
    this.waiting = new WaitingInterpreters(options.waitingLanguages);
    sessions.onAdoption((session, processes) => this.adopt(session, processes));
    sessions.accompanyPool({
      join: (sandbox, spec) => this.waiting.start(sandbox, spec),
      leave: (sandbox) => this.waiting.end(sandbox),
    });
  }

  /**
   * Takes the interpreter that waits in the sandbox, or starts one; resolves when it answers.
   * @param wanted a name of the session's language; the session's own where absent
   * @throws DomainError unsupported_language, quota_exceeded, session_ended
   */
  async create(session: Session, wanted = session.identity.requestedLanguage): Promise<Context> {
    const spec = interpreterOf(session.identity.language, wanted);
    if (!spec) throw noInterpreter(wanted, supportedIn(session));
    await this.requireReady(session);
    const activity = session.begin();
    try {
      return (await this.takeOver(session, wanted, spec)) ?? (await this.startNew(session, wanted, spec));
    } finally {
      activity.end();
    }
  }

  private async startNew(session: Session, language: string, spec: InterpreterSpec): Promise<Context> {
    this.requireRoom(session);
    const context = this.newContext(session, { id: newContextId(), language, spec, createdAt: new Date() }, 1);
    try {
      await this.started(context, context.start());
    } catch (error) {
      this.remove(context);
      throw error;
    }
    return context;
  }

  /** Undefined where none waits, or the one that did answers no more. */
  private async takeOver(session: Session, language: string, spec: InterpreterSpec): Promise<Context | undefined> {
    this.requireRoom(session);
    const id = this.waiting.take(session, spec);
    if (id === undefined) return undefined;
    const context = this.newContext(session, { id, language, spec, createdAt: new Date() }, WAITING_GENERATION);
    const late = new AbortController();
    try {
      await Promise.race([context.takeOver(), tooLate(late.signal, TAKE_OVER_LIMIT_MS)]);
      return context;
    } catch (error) {
      this.logger.debug({ message: 'a waiting interpreter could not be used', sessionId: session.id, error });
      this.remove(context);
      // What cannot be ended now ends with its session.
      await context.endInterpreter().catch((failure: unknown) => this.logger.debug(failure));
      return undefined;
    } finally {
      late.abort();
    }
  }

  /** To be called in one go with what adds a context. */
  private requireRoom(session: Session): void {
    const { maxSessionContexts } = this.options;
    if (this.list(session).length >= maxSessionContexts) throw tooManyContexts(maxSessionContexts);
  }

  private newContext(session: Session, facts: ContextFacts, generation: number): Context {
    const context = new Context(session, facts, this.options, generation);
    this.add(context);
    return context;
  }

  /** @throws DomainError context_not_found */
  find(contextId: string): Context {
    const context = this.byId.get(contextId);
    if (!context) throw contextNotFound();
    return context;
  }

  /** A session's contexts, the oldest first. */
  list(session: Session): Context[] {
    return [...(this.bySession.get(session) ?? [])];
  }

  /** @throws DomainError context_ended, quota_exceeded, request_cancelled, session_ended, engine_unavailable */
  async execute(context: Context, code: string, options: ExecuteInContextOptions): Promise<CellResult> {
    const { maxTimeoutMs } = this.options;
    const timeoutMs = options.timeoutMs ?? Math.min(DEFAULT_TIMEOUT_MS, maxTimeoutMs);
    requireWithin('timeoutMs', timeoutMs, maxTimeoutMs);
    const activity = context.session.begin();
    try {
      await this.requireReady(context.session);
      return await context.execute(code, { ...options, timeoutMs });
    } finally {
      activity.end();
    }
  }

  /** A new interpreter under the same id. @throws DomainError unsupported_language, session_ended */
  async restart(context: Context): Promise<void> {
    await this.requireReady(context.session);
    await this.started(context, context.restart());
  }

  /** Resolves when nothing of its interpreter is left. */
  async close(context: Context): Promise<void> {
    this.remove(context);
    await context.endInterpreter();
  }

  private async started(context: Context, starting: Promise<void>): Promise<void> {
    const late = new AbortController();
    try {
      await Promise.race([starting, tooLate(late.signal, START_LIMIT_MS)]);
    } catch (error) {
      await context.endInterpreter().catch((failure: unknown) => this.logger.debug(failure));
      throw this.startRefusal(context, error);
    } finally {
      late.abort();
    }
  }

  private startRefusal(context: Context, error: unknown): unknown {
    const { session, facts } = context;
    if (session.endReason !== undefined) return sessionEnded(session);
    const isSpawn = error instanceof AgentError && error.code === 'spawn_failed';
    if (!isSpawn && !(error instanceof DomainError && error.reason === 'context_ended')) return error;
    const words = context.firstWords.slice(-MAX_FIRST_WORDS).trim();
    this.logger.debug({ message: 'an interpreter did not start', sessionId: session.id, words, error });
    const why = isSpawn ? `${error.message}.` : `Its image has no driver, or the driver failed: ${words}`;
    return noInterpreter(facts.language, supportedIn(session), why);
  }

  private async requireReady(session: Session): Promise<void> {
    if (!(await session.sandbox.ready())) throw sessionEnded(session);
  }

  private add(context: Context): void {
    const { session } = context;
    this.byId.set(context.id, context);
    const known = this.bySession.get(session);
    if (known) return void known.add(context);
    const own = new Set([context]);
    this.bySession.set(session, own);
    const leave = (): void => {
      this.bySession.delete(session);
      for (const each of own) {
        this.byId.delete(each.id);
        each.abandon();
      }
    };
    if (session.ended.aborted) leave();
    else session.ended.addEventListener('abort', leave, { once: true });
  }

  private remove(context: Context): void {
    this.byId.delete(context.id);
    this.bySession.get(context.session)?.delete(context);
  }

  private adopt(session: Session, processes: readonly ProcessInfo[]): void {
    const latest = new Map<string, { readonly info: ProcessInfo; readonly generation: number }>();
    for (const info of processes) {
      const [, id, generation] = PROCESS_ID.exec(info.processId) ?? [];
      if (info.channel !== true || id === undefined) continue;
      if (Number(generation) > (latest.get(id)?.generation ?? -1)) {
        latest.set(id, { info, generation: Number(generation) });
      }
    }
    for (const [id, { info, generation }] of latest) {
      if (generation === WAITING_GENERATION && isUntouched(info)) {
        if (!info.end) this.waiting.keep(session.sandbox, id, info.args);
        continue;
      }
      const facts = adoptedFacts(session, id, info);
      if (!facts) continue;
      const context = new Context(session, facts, this.options, generation, info.end ?? undefined);
      this.add(context);
      if (!info.end) context.adopt(info.firstSeq);
    }
  }
}

function interpreterOf(language: Language, wanted: string) {
  return findLanguage(wanted)?.name === language.name ? language.interpreter?.(wanted.toLowerCase()) : undefined;
}

function supportedIn({ identity: { language } }: Session): string[] {
  const here = language.interpreter ? [language] : LANGUAGES.filter(({ interpreter }) => interpreter);
  return here.map(({ name }) => name);
}

/** It has said that it is ready, and nothing else: whoever takes it over makes it answer. */
function isUntouched({ nextSeq }: ProcessInfo): boolean {
  return nextSeq <= 1;
}

/** The language is not written down anywhere: what was started tells it. */
function adoptedFacts(session: Session, id: string, { args, startedAt }: ProcessInfo): ContextFacts | undefined {
  const { language, requestedLanguage } = session.identity;
  for (const name of [requestedLanguage, language.name, ...language.aliases]) {
    const spec = interpreterOf(language, name);
    if (spec?.args.join('\0') === args.join('\0')) return { id, language: name, spec, createdAt: new Date(startedAt) };
  }
  return undefined;
}

async function tooLate(signal: AbortSignal, limitMs: number): Promise<never> {
  await delay(limitMs, undefined, { signal }).catch(() => undefined);
  throw new DomainError('context_ended', 'The interpreter did not answer in time.');
}
