/** What the command service is told; the application's configuration provides it. */
export class CommandsOptions {
  /** The longest that a client may let a command run, ms. */
  maxTimeoutMs: number;
  /** Bytes of each output stream that a reply holds. */
  keptOutputBytes: number;
  /** Bytes of both streams together beyond which a program is ended with `output_limit`. */
  outputLimitBytes: number;
  /** The most bytes that one read_file answers with. */
  maxReadBytes: number;
}
