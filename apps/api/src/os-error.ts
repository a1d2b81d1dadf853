import { getSystemErrorMap } from 'node:util';

/** Why the system refused something, in its own few words: `no such file or directory`. */
export function reasonOf(error: unknown): string {
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : Number.NaN;
  const [, words] = getSystemErrorMap().get(errno) ?? [];
  return words ?? (error instanceof Error ? error.message : String(error));
}
