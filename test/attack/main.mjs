// Hostile programs in one session while another does timed work: npm run attack
//   --only 3,17,40-43   --group processes   --json report.json   --url ws://host:5000/ws/jsonrpc (a server that runs)
//   --share 1/2 (every second case, the others being made elsewhere)
//   --untimed (tells how much the attacks slowed the other session down, but does not judge by it)
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { machine } from '../bench/machine.mjs';
import { belongings, usageOf } from '../soak/host.mjs';
import { SoakServer } from '../soak/server.mjs';
import { Bystander, p95 } from './bystander.mjs';
import { allCases, choose } from './catalogue.mjs';
import { AttackContext } from './context.mjs';
import { printCase, printReport } from './report.mjs';
import { runCase } from './run-case.mjs';

/** A server that has just started has compiled nothing yet. */
const WARM_UP_MS = 2_000;
const QUIET_MS = 3_000;
/** Of the bystander, between two rounds: short, where it is to have many by which to judge. */
const PAUSE_MS = 5;
const UNTIMED_PAUSE_MS = 50;
/** Only for the report. */
const UNTIMED_QUIET_MS = 500;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    group: { type: 'string' },
    share: { type: 'string' },
    json: { type: 'string' },
    url: { type: 'string' },
    untimed: { type: 'boolean', default: false },
  },
});

const cases = choose(await allCases(), options);
const own = options.url === undefined ? await startServer() : undefined;
const server = own ?? { url: options.url, port: Number(new URL(options.url).port) };
const report = { machine: await machine(), startedAt: new Date().toISOString(), quiet: {}, cases: [], totals: {} };
let bystander;
try {
  bystander = await beginBystander();
  if (!options.untimed) await bystander.during(() => delay(WARM_UP_MS));
  const { samples } = await bystander.during(() => delay(options.untimed ? UNTIMED_QUIET_MS : QUIET_MS));
  const quietP95 = p95(samples);
  report.quiet = { p50Ms: samples[Math.floor(samples.length / 2)], p95Ms: quietP95, samples: samples.length };
  const usage = own && (await usageOf(own.pid));
  const world = { server, bystander, quietP95, usage, timed: !options.untimed };
  let ahead;
  for (const [index, attack] of cases.entries()) {
    const context = ahead;
    ahead = world.timed ? undefined : madeAhead(cases[index + 1], world);
    const outcome = await runCase(attack, world, context);
    report.cases.push(outcome);
    printCase(outcome);
    bystander = await fitAgain(bystander);
    if (bystander === world.bystander) continue;
    world.bystander = bystander;
    await ahead?.end();
    ahead = undefined;
  }
  await bystander.end();
  report.cases.push(...(await leftAtTheEnd()));
} finally {
  await endServer();
}
const number = (verdict) => report.cases.filter((one) => one.verdict === verdict).length;
report.totals = { held: number('held'), fell: number('fell'), notApplicable: number('not applicable') };
printReport(report);
if (options.json) await writeFile(options.json, `${JSON.stringify(report, undefined, 2)}\n`);
process.exitCode = report.totals.fell === 0 ? 0 : 1;

async function startServer() {
  const directory = await mkdtemp(join(tmpdir(), 'codebeaker-attack-'));
  const started = await SoakServer.create(`cbattack-${randomBytes(4).toString('hex')}`, directory);
  await started.start();
  return started;
}

/** The next case's session is made while this one runs, where nobody is slowed down by that but the engine. */
function madeAhead(attack, world) {
  if (!attack) return undefined;
  const context = new AttackContext(attack, world);
  // Told when the case comes to it.
  context.prepare().catch(() => undefined);
  return context;
}

/** A case that hurt the bystander or the server must not be held against the next one. */
async function fitAgain(one) {
  if (one.fault === undefined) return one;
  await one.end();
  if (own && !(await usageOf(own.pid))) await own.start();
  return beginBystander();
}

function beginBystander() {
  return Bystander.begin(server.url, options.untimed ? UNTIMED_PAUSE_MS : PAUSE_MS);
}

/** After the last session nothing of the server may be on the engine: a case of its own, should it fall. */
async function leftAtTheEnd() {
  if (!own) return [];
  const left = await belongings(own.serverId, own.stateDirectory);
  if (left.length === 0) return [];
  const mustHappen = 'no container, volume or loop device is left';
  return [{ number: 0, title: 'after all', verdict: 'fell', what: left.join(', '), mustHappen, evidence: [] }];
}

async function endServer() {
  if (!own) return;
  await own.end('SIGTERM');
  await own.removeAll();
  await rm(own.stateDirectory, { recursive: true, force: true });
}
