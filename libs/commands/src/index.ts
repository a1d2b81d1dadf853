export {
  type Command,
  type CommandContext,
  CommandFailure,
  CommandHandler,
  type CommandMetadata,
} from './command-handler.js';
export { CommandsModule } from './commands.module.js';
export { type CommandOutcome, CommandsService, type ExecuteOptions } from './commands.service.js';
export { endSentence } from './end-sentence.js';
export {
  AsGiven,
  IsArgument,
  IsEnvironment,
  IsOutputLimit,
  IsPath,
  IsProgramName,
  IsTimeoutMs,
  IsWellFormed,
} from './fields.js';
export { type LinkedSignal, linkSignals } from './linked-signal.js';
export { CommandsOptions } from './options.js';
export { runLimits } from './program-params.js';
export type { RunResult } from './run-program.js';
export { sentence } from './sentence.js';
export { decodeContent, type Encoding, ENCODINGS } from './types/content.js';
