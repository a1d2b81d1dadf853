export type RuntimeErrorKind = 'engine_unavailable' | 'image_unavailable' | 'invalid_limits' | 'sandbox_failed';

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
