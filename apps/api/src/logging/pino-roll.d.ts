declare module 'pino-roll' {
  import type { DestinationStream } from 'pino';

  interface RollOptions {
    readonly file: string;
    /** A number with its unit: `20m`. */
    readonly size: string;
    readonly limit: { readonly count: number };
    readonly mkdir: boolean;
  }

  export default function roll(options: RollOptions): Promise<DestinationStream>;
}
