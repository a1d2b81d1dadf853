import { type Session, type SessionsOptions, SessionsService, type StatusEvent, StatusFeed } from '#libs/sessions';

import type { FakeAgent } from '../../../runtime/src/testing/fake-agent.js';
import { FakeEngine, FakeRuntime } from '../../../runtime/src/testing/fake-runtime.js';
import { InMemorySessionStore } from '../../../sessions/src/session-store.js';
import { ProcessesService } from '../processes.service.js';
import { SESSION_OPTIONS } from '../../../sessions/src/testing/session-options.js';

const OPTIONS: SessionsOptions = { ...SESSION_OPTIONS, keptEvents: 1000 };

/** Sessions and processes as a server has them, over an engine in memory. */
export class FakeServer {
  readonly runtime: FakeRuntime;
  readonly sessions: SessionsService;
  readonly processes: ProcessesService;
  /** What was told of processes. */
  readonly told: StatusEvent[] = [];

  constructor(readonly engine = new FakeEngine()) {
    this.runtime = new FakeRuntime(engine);
    const feed = new StatusFeed(OPTIONS);
    const publish = feed.publish.bind(feed);
    feed.publish = (event) => {
      if (event.event.startsWith('process.')) this.told.push(event);
      publish(event);
    };
    this.sessions = new SessionsService(this.runtime, new InMemorySessionStore(), OPTIONS, feed);
    this.processes = new ProcessesService(this.sessions, feed);
  }

  /** A session whose agent starts whatever it is asked to; nothing that it starts ends by itself. */
  async session(): Promise<{ session: Session; agent: FakeAgent }> {
    const session = await this.sessions.create({ language: 'python' });
    const agent = this.agentOf(session);
    agent.on('start', (exchange) => exchange.respond({ pid: 7 }));
    agent.on('wait', () => undefined);
    agent.on('attach', () => undefined);
    agent.on('kill', (exchange) => exchange.respond({ killed: 1 }));
    return { session, agent };
  }

  agentOf(session: Session): FakeAgent {
    const container = this.engine.containers.get(session.sandbox.id);
    if (!container) throw new Error('there is no container');
    return container.agent;
  }
}
