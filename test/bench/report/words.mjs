const DIGITS_BELOW = 10;

/** A number with as many digits as it is worth, and its unit. */
export function withUnit(value, unit) {
  if (!Number.isFinite(value)) return '–';
  const digits = unit === '' || unit === '/s' ? 0 : value < 1 ? 2 : value < DIGITS_BELOW ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`.trim();
}

export function ratioInWords({ kind, ratio }) {
  const number = ratio.toFixed(ratio < DIGITS_BELOW ? (ratio < 1 ? 2 : 1) : 0);
  return kind === 'sooner' ? `${number} × sooner` : `${number} × of it`;
}

export function targetInWords({ says, met }) {
  return `${says}: ${met ? 'met' : 'NOT MET'}`;
}

/** Every figure as rows of cells: what, seen, p95, succeeded, beside, seen, ratio, target. */
export function rowsOf({ figures }) {
  return figures.flatMap(({ name, unit, value, p95, succeeded, targets, beside }) => {
    const ours = [
      name,
      withUnit(value, unit),
      p95 === undefined ? '' : withUnit(p95, unit),
      succeeded ? `${succeeded.count} of ${succeeded.of}` : '',
    ];
    const own = targets.length > 0 || beside.length === 0 ? [['', '', '', targets.map(targetInWords).join(', ')]] : [];
    const others = beside.map((other) => [
      other.name,
      withUnit(other.value, unit),
      ratioInWords(other),
      other.targets.map(targetInWords).join(', '),
    ]);
    return [...own, ...others].map((cells, index) => [...(index === 0 ? ours : ['', '', '', '']), ...cells]);
  });
}

export const HEADING = ['', 'p50', 'p95', 'succeeded', 'beside', 'p50', 'ratio', 'target'];
