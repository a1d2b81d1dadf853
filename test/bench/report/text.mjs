import { table } from '../measure.mjs';
import { HEADING, rowsOf, targetInWords } from './words.mjs';

/** One part's figures, as soon as they are known. */
export function printFigures(part, quick) {
  const { title, seconds, failures } = part;
  console.log(`${title} (${seconds.toFixed(0)} s)`);
  // Nobody should take what is only a trial for a figure.
  if (!quick && part.figures.length > 0) table([HEADING, ...rowsOf(part)]);
  else console.log(`  ${part.figures.length} figures, ${failures.length} failures\n`);
}

/** Every target once more, with what was seen. */
export function printTargets({ parts }) {
  const rows = parts.flatMap(({ figures }) =>
    figures.flatMap(({ name, value, unit, targets, beside }) => [
      ...targets.map((target) => [name, `${value.toFixed(2)} ${unit}`, targetInWords(target)]),
      ...beside.flatMap((other) =>
        other.targets.map((target) => [
          `${name} / ${other.name}`,
          `${other.ratio.toFixed(2)} ×`,
          targetInWords(target),
        ]),
      ),
    ]),
  );
  if (rows.length > 0) table([['target of', 'seen', ''], ...rows]);
}
