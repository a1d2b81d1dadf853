/** What the agent answers with when it refuses a request: PROTOCOL.md, *Errors*. */
export class AgentError extends Error {
  constructor(
    /** snake_case, from PROTOCOL.md's list. */
    readonly code: string,
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = 'AgentError';
  }
}

/** The stream to the agent ended with this exchange still open: what it did is not known. */
export class ChannelLostError extends Error {
  constructor(message = 'the connection to the sandbox was lost') {
    super(message);
    this.name = 'ChannelLostError';
  }
}

/** The stream is there, but no agent answers on it. */
export class AgentSilentError extends ChannelLostError {
  constructor(timeoutMs: number) {
    super(`the agent did not answer within ${timeoutMs} ms`);
    this.name = 'AgentSilentError';
  }
}
