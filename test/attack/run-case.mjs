import { setTimeout as delay } from 'node:timers/promises';

import { usageOf } from '../soak/host.mjs';
import { p95 } from './bystander.mjs';
import { AttackContext, Fell, NotApplicable } from './context.mjs';
import { inspect, processesIn } from './host.mjs';

/** Fewer rounds of the bystander say nothing: the attack is then made again. */
const LEAST_SAMPLES = 20;
const MOST_ATTEMPTS = 6;
/** The bystander may be slowed down by less than this. */
const RATIO_LIMIT = 10;
const QUIET_AGAIN_MS = 1_500;
/** Generous: a machine that is busy with something else is no fault of the server. */
const CASE_LIMIT_MS = 120_000;
/** How long what a case leaves may take to go. */
const CLEAR_WITHIN_MS = 20_000;
/** Node's heap breathes, and a flood is kept in replies until they are sent. */
const MORE_MEMORY_MIB = 256;
const MORE_DESCRIPTORS = 8;

/**
 * Makes one attack, as often as the bystander needs to be judged by, and looks at what it left.
 * @param world `{ server, bystander, quietP95, usage, timed }`; `usage` is the server's before any attack, and where
 * `timed` is false the bystander's times are told but not judged
 * @param context of the attack, where its session was made ahead
 * @returns what the report says of it; `verdict` is `held`, `fell` or `not applicable`
 */
export async function runCase(attack, world, context) {
  const startedAt = performance.now();
  let outcome = await attempts(attack, world, context);
  let repeated;
  // Other work on the same machine slows the bystander as well: that alone is judged twice.
  if (world.timed && outcome.verdict === 'held' && outcome.ratio >= RATIO_LIMIT) {
    repeated = { p95Ms: outcome.p95Ms, ratio: outcome.ratio };
    const { samples } = await world.bystander.during(() => delay(QUIET_AGAIN_MS));
    outcome = await attempts(attack, { ...world, quietP95: Math.max(world.quietP95, p95(samples)) });
  }
  if (world.timed && outcome.verdict === 'held' && !(outcome.ratio < RATIO_LIMIT)) {
    outcome.verdict = 'fell';
    outcome.what = Number.isNaN(outcome.ratio)
      ? `the bystander was served only ${outcome.samples} times`
      : `the bystander's p95 was ${outcome.ratio.toFixed(1)} times its quiet one`;
  }
  const { number, title, group, tries, mustHappen, why } = attack;
  const durationMs = Math.round(performance.now() - startedAt);
  return { number, group, title, tries, mustHappen, why, ...outcome, ...(repeated ? { repeated } : {}), durationMs };
}

async function attempts(attack, world, context) {
  const all = [];
  for (let attempt = 1; ; attempt++) {
    const own = attempt === 1 ? context : undefined;
    const { samples, ...outcome } = await once(attack, world, own ?? new AttackContext(attack, world));
    all.push(...samples);
    const enough = all.length >= LEAST_SAMPLES;
    if (world.timed && outcome.verdict === 'held' && !enough && attempt < MOST_ATTEMPTS) continue;
    all.sort((a, b) => a - b);
    const p95Ms = enough ? p95(all) : Number.NaN;
    return { ...outcome, samples: all.length, p95Ms, quietP95Ms: world.quietP95, ratio: p95Ms / world.quietP95 };
  }
}

async function once(attack, world, context) {
  let samples = [];
  const verdict = await judged(async () => {
    await context.prepare();
    ({ samples } = await world.bystander.during(() => limited(attack, context)));
    if (context.evidence.length === 0) throw new Fell('the case showed nothing');
  });
  const left = await aftermath(context, world);
  if (left.length > 0 && verdict.verdict !== 'fell') {
    return { verdict: 'fell', what: left.join('; '), evidence: context.evidence, samples };
  }
  return { ...verdict, evidence: context.evidence, samples };
}

async function judged(work) {
  try {
    await work();
    return { verdict: 'held' };
  } catch (error) {
    if (error instanceof NotApplicable) return { verdict: 'not applicable', what: error.message };
    return { verdict: 'fell', what: error instanceof Fell ? error.message : String(error) };
  }
}

async function limited(attack, context) {
  const limitMs = attack.timeoutMs ?? CASE_LIMIT_MS;
  const timer = new AbortController();
  const late = delay(limitMs, undefined, { signal: timer.signal }).then(() => {
    throw new Fell(`the case did not end within ${limitMs} ms`);
  });
  late.catch(() => undefined);
  try {
    await Promise.race([attack.run(context), late]);
  } finally {
    timer.abort();
  }
}

/** What must not be, after the attacker's sessions are closed. */
async function aftermath(context, { server, bystander, usage }) {
  const faults = [];
  const ended = await context.end().catch((error) => ({ sessions: [], complaints: [`${error}`] }));
  faults.push(...ended.complaints);
  const left = ended.sessions.map(async ({ containerId, isOnThisHost }) => {
    if (await staying(() => inspect(containerId))) faults.push(`container ${containerId.slice(0, 12)} is left`);
    const processes = await staying(async () => {
      const found = isOnThisHost ? await processesIn(containerId) : [];
      return found.length > 0 ? found : undefined;
    });
    if (processes) faults.push(`processes are left on the host: ${processes.map(({ name }) => name).join(', ')}`);
  });
  await Promise.all(left);
  if (!(await answers(server))) faults.push('the server does not answer');
  if (bystander.fault !== undefined) faults.push(`the bystander was hurt: ${bystander.fault}`);
  if (usage) faults.push(...((await staying(() => grown(server.pid, usage))) ?? []));
  return faults;
}

/** What `look` sees for as long as it may take to go; undefined once it has gone. */
async function staying(look) {
  const until = Date.now() + CLEAR_WITHIN_MS;
  for (;;) {
    const seen = await look();
    if (seen === undefined || Date.now() > until) return seen;
    await delay(50);
  }
}

async function answers({ url }) {
  const health = url.replace(/^ws/, 'http').replace(/\/ws\/jsonrpc.*/, '/health/live');
  return fetch(health, { signal: AbortSignal.timeout(10_000) }).then(
    (reply) => reply.ok,
    () => false,
  );
}

async function grown(pid, before) {
  const now = await usageOf(pid);
  if (!now) return ['the server has ended'];
  const faults = [];
  if (now.memoryMiB > before.memoryMiB + MORE_MEMORY_MIB) {
    faults.push(`the server's memory grew from ${before.memoryMiB.toFixed(0)} to ${now.memoryMiB.toFixed(0)} MiB`);
  }
  if (now.descriptors > before.descriptors + MORE_DESCRIPTORS) {
    faults.push(`the server's descriptors grew from ${before.descriptors} to ${now.descriptors}`);
  }
  return faults.length > 0 ? faults : undefined;
}
