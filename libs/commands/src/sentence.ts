/** An agent says what was wrong without a capital and a full stop; a path in front stays as it is. */
export function sentence(message: string): string {
  const end = /[.!?]$/.test(message) ? '' : '.';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${end}`;
}
