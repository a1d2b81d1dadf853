import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { IncomingMessage } from 'node:http';

import { DomainError } from '#libs/sessions';

import { SubscribeParams } from './event-params.js';

/**
 * What `GET /v1/events` asks for. A browser that comes back by itself repeats the address and says in `Last-Event-ID`
 * how far it was, so the header counts for more than `?cursor=`.
 * @throws DomainError invalid_params
 */
export function eventQuery({ url, headers }: IncomingMessage): SubscribeParams {
  const given = new URL(url ?? '', 'http://localhost').searchParams;
  const query: Record<string, unknown> = {};
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    query[name] =
      name === 'events' ? values.flatMap((value) => value.split(',')) : values.length > 1 ? values : values[0];
  }
  const last = headers['last-event-id'];
  if (typeof last === 'string' && last !== '') query['cursor'] = last;
  const params = plainToInstance(SubscribeParams, query);
  const violations = validateSync(params, { whitelist: true, forbidNonWhitelisted: true }).flatMap(
    ({ property, constraints }) => Object.values(constraints ?? {}).map((message) => ({ field: property, message })),
  );
  const [first] = violations;
  if (first) throw new DomainError('invalid_params', `Invalid query: ${first.message}.`, { violations });
  return params;
}
