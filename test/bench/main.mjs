// What a session costs, beside what the engine's own ways and no container at all cost, in one run: npm run bench
//   -- --part pool,contexts (a selection)   --quick (two minutes: whether all of it works, no time worth a word)
//   --json FILE   --svg FILE   --markdown FILE (into which the tables are put, between its bench lines)
import { readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { Bench } from './bench.mjs';
import { machine, machineLine } from './machine.mjs';
import { PARTS } from './parts.mjs';
import { chart } from './report/chart.mjs';
import { intoDocument } from './report/markdown.mjs';
import { printFigures, printTargets } from './report/text.mjs';

const { values: options } = parseArgs({
  options: {
    part: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    svg: { type: 'string' },
    markdown: { type: 'string' },
  },
});

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
const report = { machine: await machine(), startedAt: new Date().toISOString(), quick: options.quick, parts: [] };
console.log(`${machineLine(report.machine)}\n`);
for (const part of chosen(options.part)) {
  if (stop.signal.aborted) break;
  const outcome = await measured(part);
  report.parts.push(outcome);
  printFigures(outcome, options.quick);
}
if (!options.quick) printTargets(report);
if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
// Half a picture would be taken for a whole one.
const isWhole = !stop.signal.aborted;
if (options.svg && isWhole) await writeFile(options.svg, chart(report));
if (options.markdown && isWhole) {
  await writeFile(options.markdown, intoDocument(await readFile(options.markdown, 'utf8'), report));
}
const failures = report.parts.flatMap((part) => part.failures);
if (stop.signal.aborted) failures.push(stop.signal.reason.message);
for (const failure of failures) console.log(`FAILED  ${failure}`);
// How long something took is told and never judged: that says more of the machine than of the program.
process.exitCode = failures.length === 0 ? 0 : 1;

function chosen(names) {
  if (names === undefined) return PARTS;
  return names.split(',').map((name) => {
    const part = PARTS.find((one) => one.name === name);
    if (!part) throw new Error(`no part is called ${name}; there are: ${PARTS.map((one) => one.name).join(', ')}`);
    return part;
  });
}

async function measured({ name, title, run }) {
  const bench = await Bench.begin(options.quick);
  const startedAt = performance.now();
  const stopped = new Promise((_, reject) => {
    if (stop.signal.aborted) reject(stop.signal.reason);
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
  });
  try {
    await Promise.race([run(bench), stopped]);
  } catch (error) {
    bench.failures.push(`${name}: ${error.message}`);
    if (process.env.DEBUG) console.error(error);
  } finally {
    await bench.end().catch((error) => bench.failures.push(`${name}: ${error.message}`));
  }
  const seconds = (performance.now() - startedAt) / 1000;
  return { name, title, seconds, figures: bench.figures, failures: bench.failures };
}
