/** What the context service is told; the application's configuration provides it. */
export class ContextsOptions {
  /** Contexts of one session at once. */
  maxSessionContexts: number;
  /** Bytes that all results of one cell may take together. */
  maxResultBytes: number;
  /** The longest that a cell may run, ms. */
  maxTimeoutMs: number;
  /** Bytes of each output stream that a reply holds. */
  keptOutputBytes: number;
  /** Bytes of both streams together beyond which a cell is ended with `output_limit`. */
  outputLimitBytes: number;
  /** Languages in whose pooled sandboxes an interpreter waits for the first context. */
  waitingLanguages: readonly string[];
}
