import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { IncomingMessage } from 'node:http';

import { DomainError } from '#libs/sessions';

import { Config } from '../config/config.js';
import { isMisnamed, judgeOrigin } from '../gateway/origin.js';

/**
 * Keeps other people's web pages out, by the same judgement as the control channel. What a page only embeds, such as an
 * image, comes without an origin, but browsers say that it is for another site. Following a link to here is free: the
 * page with the link sees nothing of the answer.
 */
@Injectable()
export class OriginGuard implements CanActivate {
  constructor(private readonly config: Config) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<IncomingMessage>();
    const verdict = judgeOrigin(request, this.config.allowedOrigins);
    if (!verdict.ok) throw new DomainError('forbidden', `${verdict.message ?? 'This origin is not allowed'}.`);
    const { origin, 'sec-fetch-site': site, 'sec-fetch-mode': mode } = request.headers;
    if (origin !== undefined) return true;
    if (isMisnamed(request, this.config.allowedOrigins)) {
      throw new DomainError(
        'forbidden',
        'The name that this server was called by is not on the list of ALLOWED_ORIGINS.',
      );
    }
    const isForeign = site === 'cross-site' || site === 'same-site';
    if (isForeign && mode !== 'navigate') {
      throw new DomainError('forbidden', 'Pages of other sites may not embed what is here.');
    }
    return true;
  }
}
