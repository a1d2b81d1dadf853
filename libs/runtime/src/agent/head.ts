/** A frame's JSON head; anything but an object is none. */
export function parseHead(head: Buffer): Record<string, unknown> {
  if (head.length === 0) return {};
  const value: unknown = JSON.parse(head.toString());
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export function textOf(value: unknown, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise;
}
