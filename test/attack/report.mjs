import { ms, table } from '../bench/measure.mjs';

/** One line as soon as it is known, for whoever watches. */
export function printCase({ number, title, verdict, what, ratio, repeated }) {
  const slowed = Number.isFinite(ratio) ? `, bystander ${ratio.toFixed(1)} ×` : '';
  const again = repeated ? ` (before: ${repeated.ratio.toFixed(1)} ×)` : '';
  console.log(
    `${String(number).padStart(2)} ${verdict.padEnd(14)} ${title}${slowed}${again}${what ? `: ${what}` : ''}`,
  );
}

export function printReport({ machine, quiet, cases, totals }) {
  console.log();
  table([
    ['case', 'verdict', 'bystander p95', 'ratio', 'rounds', 'took'],
    ...cases.map(({ number, title, verdict, p95Ms, ratio, repeated, samples, durationMs }) => [
      `${String(number).padStart(2)} ${title}`,
      verdict === 'fell' ? 'FELL' : verdict,
      Number.isFinite(p95Ms) ? ms(p95Ms) : '–',
      Number.isFinite(ratio) ? `${ratio.toFixed(1)} ×${repeated ? '*' : ''}` : '–',
      String(samples),
      ms(durationMs),
    ]),
  ]);
  if (cases.some(({ repeated }) => repeated)) console.log('* made twice, because of the bystander alone\n');
  for (const { number, title, verdict, what, evidence, mustHappen } of cases) {
    if (verdict === 'held') console.log(`${number} ${title}: ${evidence.join('; ')}`);
    else if (verdict === 'fell') console.log(`${number} ${title} FELL: ${what}. Must happen: ${mustHappen}`);
    else console.log(`${number} ${title} does not apply: ${what}`);
  }
  console.log(`\nbystander, quiet: p50 ${ms(quiet.p50Ms)}, p95 ${ms(quiet.p95Ms)} in ${quiet.samples} rounds`);
  const facts = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
  console.log(facts.join(', '));
  console.log(`${totals.held} held, ${totals.fell} fell, ${totals.notApplicable} not applicable`);
}
