export { DomainError, type Reason } from './domain-error.js';
export { requireWithin } from './limits.js';
export { type PoolOptions, SessionsOptions } from './options.js';
export type { PoolCounts } from './pool-counts.js';
export type { PoolCompany } from './warm-pool.js';
export { type Activity, Session, type SessionEndReason, type SessionState } from './session.js';
export { type CreateSessionRequest, SESSION_DEFAULTS, type SessionConfig } from './session-config.js';
export { SessionStore } from './session-store.js';
export { type SessionView, sessionView } from './session-view.js';
export { programDirectory, programEnv, sandboxEnv } from './surroundings.js';
export {
  type GapReason,
  STATUS_EVENTS,
  type StatusEvent,
  type StatusEventName,
  type StatusFilter,
  type StatusRecord,
} from './status-event.js';
export { StatusFeed } from './status-feed.js';
export { StatusSubscription } from './status-subscription.js';
export { SessionsModule } from './sessions.module.js';
export type { Making } from './session-maker.js';
export {
  type AdoptionListener,
  type CreateListener,
  type CreateOptions,
  type SessionLoad,
  SessionsService,
} from './sessions.service.js';
