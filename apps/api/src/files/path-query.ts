import { HttpError } from '../http/http-error.js';

/**
 * The `path` of a request's query. Decoded here and strictly: a decoder that puts U+FFFD where bytes are no UTF-8 would
 * name another file.
 * @throws HttpError invalid_params
 */
export function pathQuery(url: string): string {
  const at = url.indexOf('?');
  const paths: string[] = [];
  for (const pair of at < 0 ? [] : url.slice(at + 1).split('&')) {
    if (pair === '') continue;
    const [name = '', ...value] = pair.split('=');
    if (decode(name) !== 'path') throw invalid(decode(name), 'is not a parameter of this address');
    paths.push(decode(value.join('=')));
  }
  const [path] = paths;
  if (path === undefined || path === '') throw invalid('path', 'must be given');
  if (paths.length > 1) throw invalid('path', 'must be given once');
  return path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw invalid('path', 'must be percent-encoded UTF-8');
  }
}

function invalid(field: string, what: string): HttpError {
  const message = `${field} ${what}`;
  return new HttpError(400, 'invalid_params', message, { violations: [{ field, message }] });
}
