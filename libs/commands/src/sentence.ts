/** Controls, line and paragraph separators, and the marks that turn text round. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

/**
 * An agent says what was wrong without a capital and a full stop; a path in front stays as it is. Names in it are the
 * tenant's: what could write to the terminal of its reader is shown escaped.
 */
export function sentence(message: string): string {
  const end = /[.!?]$/.test(message) ? '' : '.';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${end}`.replace(UNSEEN, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
