/** A signal that follows others for a while. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Lets go of the others; to be called when the work is over. */
  release(): void;
}

/**
 * Aborts with the first of several signals that aborts. Unlike AbortSignal.any it can be let go of: a session's signal
 * outlives thousands of commands and must not remember them.
 */
export function linkSignals(...sources: (AbortSignal | undefined)[]): LinkedSignal {
  const linked = new AbortController();
  const releases = sources.map((source) => {
    if (!source) return () => undefined;
    const follow = (): void => linked.abort(source.reason);
    if (source.aborted) follow();
    source.addEventListener('abort', follow, { once: true });
    return () => source.removeEventListener('abort', follow);
  });
  return {
    signal: linked.signal,
    release: () => {
      for (const release of releases) release();
    },
  };
}
