import type { LoggerService } from '@nestjs/common';
import pino, { type Logger } from 'pino';
import pinoPretty from 'pino-pretty';

import type { Config } from '../config/config.js';
import { logContext } from './log-context.js';
import { openLogFile } from './log-file.js';

/** Nest's own words about its start: one line per module, route and method. */
const BOOT_CONTEXTS = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'WebSocketsController',
]);

/** Nest's logger on pino: JSON lines, or readable ones in a terminal, and a rotating file where one is named. */
export class PinoLogger implements LoggerService {
  private constructor(private readonly pino: Logger) {}

  static async create(config: Config): Promise<PinoLogger> {
    const level = config.logLevel;
    const pretty = config.logPretty ?? process.stdout.isTTY;
    const streams: pino.StreamEntry[] = [
      {
        level: 'trace',
        stream: pretty
          ? pinoPretty({ sync: true, messageKey: 'message', errorLikeObjectKeys: ['error'] })
          : process.stdout,
      },
    ];
    if (config.logFile !== undefined) {
      streams.push({ level: 'trace', stream: await openLogFile(config) });
    }
    const options: pino.LoggerOptions = {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => logContext.getStore() ?? {},
      errorKey: 'error',
      messageKey: 'message',
    };
    return new PinoLogger(pino(options, pino.multistream(streams)));
  }

  log(message: unknown, ...rest: unknown[]): void {
    this.write(BOOT_CONTEXTS.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  /** Nest gives the context last, and before it, with an error's text, its stack. */
  private write(level: pino.Level, message: unknown, rest: unknown[]): void {
    if (!this.pino.isLevelEnabled(level)) return;
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const fields = {
      ...(typeof context === 'string' ? { context } : {}),
      ...(typeof stack === 'string' ? { stack } : {}),
    };
    if (message instanceof Error) this.pino[level]({ ...fields, error: message }, message.message);
    else if (typeof message === 'object' && message !== null) {
      const { message: text, ...more } = message as { message?: unknown };
      this.pino[level]({ ...fields, ...more }, typeof text === 'string' ? text : '');
    } else this.pino[level](fields, String(message));
  }
}
