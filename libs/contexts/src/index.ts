export type { CellResult, OutputListener } from './cell.js';
export { Context, type ContextState } from './context.js';
export { ContextsModule } from './contexts.module.js';
export { ContextsService, type ExecuteInContextOptions } from './contexts.service.js';
export type { CellError, Representations } from './messages.js';
export { ContextsOptions } from './options.js';
