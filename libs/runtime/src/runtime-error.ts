export type RuntimeErrorKind =
  | 'engine_unavailable'
  | 'image_unavailable'
  | 'invalid_limits'
  /** The host has no room for another sandbox; those that there are go on. */
  | 'host_disk_full'
  /** Somebody paused it from outside; it goes on where it was when it is unpaused. */
  | 'sandbox_paused'
  /** It ended while it was being made; `data.endReason` says why. */
  | 'sandbox_lost'
  /** It runs, but its agent says nothing: the host is overloaded. */
  | 'sandbox_silent'
  | 'sandbox_failed';

/** What a runtime throws when it could not do its work. The message is fit for a client. */
export class RuntimeError extends Error {
  constructor(
    readonly kind: RuntimeErrorKind,
    message: string,
    readonly data: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'RuntimeError';
  }
}
