export const ENCODINGS = ['utf8', 'base64'] as const;

export type Encoding = (typeof ENCODINGS)[number];

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of a text or of base64; undefined where it is not base64, which Node would decode in part and not say. */
export function decodeContent(content: string, encoding: Encoding): Buffer | undefined {
  if (encoding === 'utf8') return Buffer.from(content);
  const bytes = Buffer.from(content, 'base64');
  // Nothing was passed over: the usual case, without a copy of what may be megabytes.
  if (bytes.length === decodedBytes(content) && !/[-_]/.test(content)) return bytes;
  const compact = content.replace(/\s/g, '');
  return BASE64.test(compact) && bytes.length === decodedBytes(compact) ? bytes : undefined;
}

/** How many bytes base64 of this length holds; a length that none can have gives a number that no decoding has. */
function decodedBytes(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  const digits = base64.length - padding;
  const impossible = digits % 4 === 1 || (padding > 0 && base64.length % 4 !== 0);
  return impossible ? -1 : Math.floor((digits * 3) / 4);
}
